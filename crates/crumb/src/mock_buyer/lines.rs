//! A line for each request, printed by a thread of its own: a terminal that stands
//! still must not hold the buyers up.

use crumb_mock_buyer::Request;
use std::fmt::Write as _;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

/// How many lines may wait to be printed; further ones are left out.
const MAX_WAITING: usize = 4_096;

/// What prints lines until it is dropped.
pub struct Lines {
    sender: SyncSender<String>,
    left_out: AtomicU64,
}

impl Lines {
    /// Starts to print, on a thread that ends after this does.
    pub fn print_to(mut out: impl Write + Send + 'static) -> (Self, JoinHandle<()>) {
        let (sender, receiver) = sync_channel::<String>(MAX_WAITING);
        let printing = std::thread::spawn(move || {
            // Whoever closed our output wants no lines; the buyers go on.
            for line in receiver {
                let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
            }
        });
        (Self { sender, left_out: AtomicU64::new(0) }, printing)
    }

    /// Prints a text that ends its line, unless too many wait.
    pub fn print(&self, text: String) {
        let left_out = self.left_out.swap(0, Ordering::Relaxed);
        let text = if left_out == 0 { text } else { format!("… {left_out} not shown\n{text}") };
        if self.sender.try_send(text).is_err() {
            self.left_out.fetch_add(left_out + 1, Ordering::Relaxed);
        }
    }
}

/// A request's line; with its content below, if that is to be shown.
pub fn line(request: &Request, shows_content: bool) -> String {
    let seconds = request.since_start.as_secs_f64();
    let (method, path) = (&request.method, shown(&request.path));
    let bytes = request.body.len();
    let broken = if request.is_whole { "" } else { ", not whole" };
    let told = shown(&request.told);
    let mut text = format!("{seconds:>10.3}s  {method} {path}  {bytes} bytes{broken}  {told}\n");
    if shows_content {
        let headers = request.headers.iter().map(|(name, value)| format!("{name}: {value}"));
        let body = request.text();
        let content = [request.target()].into_iter().chain(headers);
        for line in content.chain(body.lines().map(str::to_owned)) {
            let _ = writeln!(text, "{:13}{}", "", shown(&line));
        }
    }
    text
}

/// A stranger's text, without what would move a terminal's cursor.
fn shown(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crumb_mock_buyer::MockBuyers;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Arc, Mutex};
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpStream;

    /// A request that a buyer has recorded.
    async fn request(bytes: &[u8]) -> Arc<Request> {
        let buyers = MockBuyers::start().await.unwrap();
        let mut stream = TcpStream::connect(buyers.address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        Arc::clone(&buyers.wait_for(1).await.unwrap()[0])
    }

    #[tokio::test]
    async fn a_line_says_what_was_asked_and_done_and_nothing_of_the_lead() {
        let request =
            request(b"POST /accept/a?price=3.00&ssn=1 HTTP/1.1\r\nContent-Length: 9\r\n\r\nzip=90210").await;
        let line = line(&request, false);
        assert!(line.ends_with("s  POST /accept/a  9 bytes  accepted 3.00\n"), "{line}");
    }

    #[tokio::test]
    async fn a_request_is_shown_without_what_would_move_a_terminals_cursor() {
        let bytes = b"POST /re\x1b[2Jject?a=1 HTTP/1.1\r\nX-A: b\r\nContent-Length: 5\r\n\r\n<a>\n\x1b";
        let line = line(&*request(bytes).await, true);
        let shown: Vec<&str> = line.lines().skip(1).map(str::trim).collect();
        assert_eq!(shown, [r"/re\u{1b}[2Jject?a=1", "X-A: b", "Content-Length: 5", "<a>", r"\u{1b}"]);
        assert!(!line.contains('\x1b'), "{line}");
    }

    /// Takes what is printed, once it may, and says when something comes.
    struct Held {
        came: Sender<()>,
        may: Receiver<()>,
        printed: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Held {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.came.send(());
            // Fails once it may print for good.
            let _ = self.may.recv();
            self.printed.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_a_terminal_does_not_take_are_left_out_and_their_number_told() {
        let ((allow, may), (came, comes)) = (channel(), channel());
        let printed = Arc::default();
        let (lines, printing) = Lines::print_to(Held { came, may, printed: Arc::clone(&printed) });
        lines.print("x\n".to_owned());
        comes.recv().unwrap();
        // One is with the printer, so many wait, and two are too many.
        for _ in 0..MAX_WAITING + 2 {
            lines.print("x\n".to_owned());
        }
        assert_eq!(lines.left_out.load(Ordering::Relaxed), 2);
        drop(allow);
        // Room comes as the printer goes on.
        while lines.left_out.load(Ordering::Relaxed) > 0 {
            lines.print("last\n".to_owned());
        }
        drop(lines);
        printing.join().unwrap();
        let printed = String::from_utf8(printed.lock().unwrap().clone()).unwrap();
        assert!(printed.contains(" not shown\nlast\n"), "{}", printed.len());
    }
}
