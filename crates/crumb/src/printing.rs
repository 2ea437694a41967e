//! Printing what a command has to say.

use crate::commands::Reply;
use crate::commands::terminal::as_it_is;
use std::io::{ErrorKind, Write};

/// The exit code of output that was lost.
const LOST: u8 = 1;

/// Prints a reply and gives the exit code. Output that could not be written, as on
/// a full disk, is never a success: an export would be cut short, a new key lost.
/// A reader that went away, as `head` does, knows what it missed.
pub fn print(reply: &Reply, mut out: impl Write, mut err: impl Write) -> u8 {
    // It is for people, and quotes what files and strangers say. Where errors cannot be
    // written there is nobody to tell.
    let _ = err.write_all(as_it_is(&reply.stderr).as_bytes());
    match out.write_all(reply.stdout.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let _ = writeln!(err, "standard output cannot be written: {error}");
            LOST
        }
        _ => reply.exit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Error, Result};

    /// Fails where it is flushed, as a buffered output does.
    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> Result<()> {
            Err(Error::from(self.0))
        }
    }

    fn reply() -> Reply {
        Reply { stdout: "7\n".to_owned(), stderr: "~ network\n".to_owned(), exit: 2 }
    }

    #[test]
    fn a_reply_is_printed_with_its_exit_code() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        assert_eq!(print(&reply(), &mut out, &mut err), 2);
        assert_eq!((out.as_slice(), err.as_slice()), (&b"7\n"[..], &b"~ network\n"[..]));
    }

    #[test]
    fn what_is_said_on_standard_error_cannot_command_a_terminal() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let stderr = "field \"\u{1b}[31m\u{9b}31m\u{202e}x\": unknown\n".to_owned();
        print(&Reply { stderr, ..reply() }, &mut out, &mut err);
        assert_eq!(String::from_utf8(err).unwrap(), "field \"[31m31mx\": unknown\n");
    }

    #[test]
    fn output_that_is_lost_is_no_success() {
        let mut err = Vec::new();
        assert_eq!(print(&reply(), Failing(ErrorKind::StorageFull), &mut err), 1);
        let said = String::from_utf8(err).unwrap();
        assert!(said.contains("standard output cannot be written: "), "{said}");
    }

    #[test]
    fn a_reader_that_went_away_changes_nothing() {
        assert_eq!(print(&reply(), Failing(ErrorKind::BrokenPipe), Vec::new()), 2);
    }
}
