//! The executable in a fresh directory, and a server of it.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often a condition is looked at again, and how many times before it counts
/// as never true: a minute, for a machine that is busy with other tests.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
const LOOKS: u32 = 6_000;

/// A network that the tests start from.
pub const NETWORK: &str = r#"
[network]
name = "Example"
tracking_url = "https://trk.example"
internal_affiliate = 1

[[vertical]]
id = 1
name = "Auto insurance"

[[vertical.field]]
name = "email_address"
type = "email"
required = true

[[offer]]
id = 100
name = "Free quote"
vertical = 1
type = "host_n_post"
link = "https://lp.example/quote?reqid=#reqid#"

[[offer.creative]]
id = 1057
name = "Text link"

[[affiliate]]
id = 1
name = "House"

[[affiliate]]
id = 12
name = "Traffic Co"

[[campaign]]
id = 57
affiliate = 12
offer = 100
key = "Ab3dE5gH1jK"
"#;

/// The executable's working directory.
pub struct Place {
    directory: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// What a run gave.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    pub stdout: String,
    pub stderr: String,
    pub exit: Option<i32>,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
            exit: output.status.code(),
        }
    }
}

impl Place {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory"), variables: Vec::new() }
    }

    /// With the network applied.
    pub fn with_network() -> Self {
        let place = Self::new();
        place.write("network.toml", NETWORK);
        assert_eq!(place.run(&["apply", "network.toml"]).exit, Some(0));
        place
    }

    pub fn set(&mut self, variable: &str, value: &str) {
        self.variables.push((variable.to_owned(), value.to_owned()));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file written");
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crumb"));
        command.args(arguments).current_dir(self.directory.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CRUMB_") {
                command.env_remove(name);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().expect("the executable ran").into()
    }

    /// What is shown where the output is a terminal, which `script` plays (of Debian's bsdutils).
    pub fn on_a_terminal(&self, arguments: &[&str]) -> String {
        let mut script = Command::new("script");
        let command = format!("'{}' {}", env!("CARGO_BIN_EXE_crumb"), arguments.join(" "));
        script.args(["-q", "-c", &command, "typescript"]).current_dir(self.directory.path());
        script.envs(self.variables.iter().map(|(name, value)| (name, value))).env("TERM", "xterm");
        let ran = script.stdin(Stdio::null()).output().expect("script ran");
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }

    /// As `run`, for what goes on for ever if it does not fail: then it is killed.
    pub fn run_for_a_while(&self, arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        let has_ended = (0..LOOKS).any(|_| {
            std::thread::sleep(LOOK_AGAIN);
            child.try_wait().expect("its state").is_some()
        });
        if !has_ended {
            child.kill().expect("its end");
        }
        child.wait_with_output().expect("its output").into()
    }

    /// What a run that succeeds prints.
    pub fn printed(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.exit, Some(0), "{arguments:?}: {}", ran.stderr);
        ran.stdout
    }

    /// What a run that fails says.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!((ran.exit, ran.stdout.as_str()), (Some(1), ""), "{arguments:?}");
        ran.stderr
    }

    /// A server on free ports, once it listens.
    pub fn serve(&self, arguments: &[&str]) -> Server {
        let mut all = vec!["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        all.extend(arguments);
        Server::start(self.command(&all))
    }
}

/// The lines of an output as they come, for whoever must not wait for one for ever.
pub struct Lines(Receiver<String>);

impl Lines {
    pub fn of(output: impl Read + Send + 'static) -> Self {
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self(lines)
    }

    /// The next line; none where the output has ended.
    pub fn next(&self) -> Option<String> {
        match self.0.recv_timeout(LOOK_AGAIN * LOOKS) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line came"),
        }
    }
}

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<std::thread::JoinHandle<()>>,
    pub tracking: SocketAddr,
    pub admin: SocketAddr,
}

impl Server {
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a server");
        let stderr = child.stderr.take().expect("its standard error");
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.lock().expect("the log").push(line);
            }
        });
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut server = Self { child, log, reader: Some(reader), tracking: nowhere, admin: nowhere };
        server.until("it logs a line", |server| !server.log().is_empty());
        let first = server.log_line(0);
        let address = |name: &str| first[name].as_str().unwrap_or_default().parse();
        server.tracking = address("tracking").unwrap_or_else(|_| panic!("no address in {first}"));
        server.admin = address("admin").expect("an address");
        server
            .until("it is ready", |server| server.get(server.admin, "/readyz").starts_with("HTTP/1.1 200 "));
        server
    }

    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("the log").clone()
    }

    pub fn log_line(&self, index: usize) -> serde_json::Value {
        serde_json::from_str(&self.log()[index]).unwrap_or_else(|error| panic!("{error}: {:?}", self.log()))
    }

    /// Waits for a condition.
    pub fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        for _ in 0..LOOKS {
            if condition(self) {
                return;
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the server ended ({status}) before {what}: {:?}", self.log());
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        panic!("never: {what}: {:?}", self.log());
    }

    /// The whole answer to a GET, head included.
    pub fn get(&self, listener: SocketAddr, target: &str) -> String {
        self.get_with(listener, target, "")
    }

    /// As `get`, with further header lines.
    pub fn get_with(&self, listener: SocketAddr, target: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(listener).expect("a connection");
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).expect("a request written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    /// The JSON body of an answer.
    pub fn json(&self, listener: SocketAddr, target: &str) -> serde_json::Value {
        let answer = self.get(listener, target);
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {answer}"))
    }

    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
    }

    /// Waits for the end: the exit code (none where a signal killed it) and all it logged.
    pub fn ended(mut self) -> (Option<i32>, Vec<String>) {
        let status = self.child.wait().expect("an end");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the log read");
        }
        (status.code(), self.log())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a path is there.
pub fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
