//! The tree itself: what a reader relies on, and no tool checks.

use std::path::{Path, PathBuf};

/// Lines of a source file, tests in a file of their own aside: beyond this a room
/// has more than one purpose.
const MAX_LINES: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files(below: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(below).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && !["target", "node_modules", ".git"].contains(&name.as_str()) {
            files(&path, ending, found);
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
}

fn all(below: &str, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(&root().join(below), ending, &mut found);
    found
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a readable file");
            (path, text)
        })
        .collect()
}

#[test]
fn no_room_outgrows_its_purpose() {
    let (sources, scripts) = (all("crates", ".rs"), all("crates", ".js"));
    assert!(sources.len() > 50 && scripts.len() > 5, "the sources were not found");
    for (path, text) in sources.into_iter().chain(scripts) {
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", path.display());
    }
}

#[test]
fn each_dependency_says_why() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let section = manifest.split("[workspace.dependencies]").nth(1).expect("its dependencies");
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    let dependencies: Vec<&str> =
        lines.filter(|line| line.contains('=') && !line.starts_with("crumb-")).collect();
    assert!(dependencies.len() > 20, "the dependencies were not found");
    for line in dependencies {
        assert!(line.contains(" # "), "{line} does not say why");
    }
}

#[test]
fn lock_files_of_npm_name_no_download_address() {
    let locks = all("tests", "package-lock.json");
    assert!(!locks.is_empty(), "the lock files were not found");
    for (path, text) in locks {
        assert!(!text.contains("\"resolved\""), "{} names a download address", path.display());
    }
}

#[test]
fn documents_link_only_to_what_is_there() {
    let mut documents = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]
        .map(|name| root().join(name))
        .to_vec();
    files(&root().join("docs"), ".md", &mut documents);
    assert!(documents.len() > 6, "the documents were not found");
    for path in documents {
        let text = std::fs::read_to_string(&path).expect("the document");
        let beside = path.parent().expect("its directory");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            if link.starts_with("http") {
                continue;
            }
            let target = if file.is_empty() { path.clone() } else { beside.join(file) };
            assert!(target.exists(), "{} links to {link}, which is not there", path.display());
            let headings = std::fs::read_to_string(&target).unwrap_or_default();
            let named = |line: &str| line.starts_with('#') && anchor(line) == heading;
            assert!(heading.is_empty() || headings.lines().any(named), "{} links to {link}", path.display());
        }
    }
}

/// What a heading is called in an address.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    words.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect()
}
