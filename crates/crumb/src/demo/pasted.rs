//! Commands that can be pasted into the terminal in which the demo was started.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What this program is called.
const NAME: &str = "crumb";

/// Commands of this program on the demo's data.
#[derive(Debug, Clone)]
pub struct Commands {
    /// By which this program is started.
    pub program: String,
    /// Which store they are about.
    pub store: String,
    /// The change to replay with.
    pub what_if: String,
}

impl Commands {
    /// Of this very program.
    pub fn of(data: &Path, database: Option<&str>, what_if: &Path) -> Self {
        let directory = env::current_dir().ok();
        let called = env::current_exe().map_or(NAME.into(), |program| {
            called(&program, directory.as_deref(), env::var_os("PATH").as_deref())
        });
        let store = match database {
            Some(url) => format!("--database {}", word(url)),
            None => format!("--data {}", path_word(data)),
        };
        Self { program: path_word(&called), store, what_if: path_word(what_if) }
    }

    /// Why a lead was bought by whom, with `LEAD` for its id.
    pub fn explain(&self) -> String {
        format!("{} explain LEAD {}", self.program, self.store)
    }

    /// What leads would have brought by the change.
    pub fn replay(&self) -> String {
        format!("{} replay --network {} {}", self.program, self.what_if, self.store)
    }

    /// What the change would do.
    pub fn plan(&self) -> String {
        format!("{} plan {} {}", self.program, self.what_if, self.store)
    }

    /// The network file.
    pub fn export(&self) -> String {
        format!("{} export {}", self.program, self.store)
    }

    /// The newest leads.
    pub fn leads(&self) -> String {
        format!("{} leads {}", self.program, self.store)
    }
}

/// By what a program is started from a directory: its name where the search path finds it
/// by that, else its path below the directory, else the whole path.
fn called(program: &Path, directory: Option<&Path>, search_path: Option<&OsStr>) -> PathBuf {
    let mut places = search_path.into_iter().flat_map(env::split_paths).map(|place| place.join(NAME));
    let found = places.find(|place| place.is_file()).and_then(|found| found.canonicalize().ok());
    if found.is_some() && found == program.canonicalize().ok() {
        return NAME.into();
    }
    match directory.and_then(|directory| program.strip_prefix(directory).ok()) {
        // A shell looks for a name alone elsewhere.
        Some(below) if below.components().count() == 1 => Path::new(".").join(below),
        Some(below) => below.to_owned(),
        None => program.to_owned(),
    }
}

fn path_word(path: &Path) -> String {
    word(&path.display().to_string())
}

/// A text as one word of a shell's.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:,@%=".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_called_by_its_path_below_the_directory_or_by_the_whole() {
        let directory = Some(Path::new("/srv/crumb"));
        let of = |program: &str| called(Path::new(program), directory, None);
        assert_eq!(of("/srv/crumb/target/debug/crumb"), Path::new("target/debug/crumb"));
        assert_eq!(of("/srv/crumb/crumb"), Path::new("./crumb"));
        assert_eq!(of("/opt/crumb"), Path::new("/opt/crumb"));
        assert_eq!(called(Path::new("/opt/crumb"), None, None), Path::new("/opt/crumb"));
    }

    #[test]
    fn the_name_alone_is_shown_only_where_it_finds_this_very_program() {
        let place = tempfile::tempdir().unwrap();
        let (ours, others) = (place.path().join("ours"), place.path().join("others"));
        for directory in [&ours, &others] {
            std::fs::create_dir(directory).unwrap();
            std::fs::write(directory.join("crumb"), "").unwrap();
        }
        let program = ours.join("crumb");
        let of = |places: &[&PathBuf]| {
            let search_path = env::join_paths(places).unwrap();
            called(&program, Some(&ours), Some(&search_path))
        };
        assert_eq!(of(&[&ours, &others]), Path::new("crumb"));
        // An older one, say, that was installed before.
        assert_eq!(of(&[&others, &ours]), Path::new("./crumb"));
        assert_eq!(of(&[&place.path().to_owned()]), Path::new("./crumb"));
    }

    #[test]
    fn a_path_that_a_shell_would_take_apart_is_quoted() {
        assert_eq!(word("data/demo"), "data/demo");
        assert_eq!(word("my data"), "'my data'");
        assert_eq!(word("it's $HOME"), r"'it'\''s $HOME'");
        let what_if = Path::new("my data/what-if.toml");
        let commands = Commands::of(Path::new("my data"), None, what_if);
        assert!(commands.plan().ends_with(" plan 'my data/what-if.toml' --data 'my data'"), "{commands:?}");
        let commands = Commands::of(Path::new("."), Some("sqlite:x.db"), what_if);
        assert!(commands.export().ends_with(" export --database sqlite:x.db"), "{commands:?}");
    }
}
