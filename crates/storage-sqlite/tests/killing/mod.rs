//! Tests that kill a process that writes: the test starts itself anew as a child,
//! which prints what was acknowledged, kills it in the midst, and looks at the file.

use std::ffi::OsString;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// Names the file to the child.
const CHILD: &str = "CRUMB_CRASH_TEST_FILE";

/// The file to write to until killed, where this is the child.
pub fn childs_file() -> Option<OsString> {
    std::env::var_os(CHILD)
}

/// A number of answers after which the child of a round is killed: at no moment in
/// particular.
pub fn answers_before_the_end(round: usize, most: usize) -> usize {
    1 + RandomState::new().hash_one(round) as usize % most
}

/// Starts that test as a child, kills it after some answers, and gives all that it
/// printed after `acknowledged `.
pub fn run_and_kill(test: &str, path: &Path, answers: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut seen = Vec::new();
    let mut killed = false;
    let mut line = String::new();
    while output.read_line(&mut line).unwrap() > 0 {
        // A line that was cut off by the end is no answer.
        if let Some(answer) = line.strip_suffix('\n').and_then(|line| line.strip_prefix("acknowledged ")) {
            seen.push(answer.to_owned());
        }
        if seen.len() >= answers && !killed {
            child.kill().unwrap();
            killed = true;
        }
        line.clear();
    }
    child.wait().unwrap();
    assert!(seen.len() >= answers, "the child wrote");
    seen
}
