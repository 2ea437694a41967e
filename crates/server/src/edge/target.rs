//! Request targets as links really carry them: with bytes of an old charset and
//! with macros that nobody replaced, such as `<subid>`.
//!
//! HTTP's own grammar refuses those bytes, and so does the parser behind this;
//! the dialect reads them. They are percent-encoded on their way in, which means
//! the same to everything that reads parameters. For that one must know where a
//! target begins, and never be wrong about it: [`Heads`] follows each head to its
//! end, hands out nothing beyond it, and learns from the parser how long the body
//! is. Where the two do not agree, or a body's length is not known beforehand,
//! everything further on the connection passes as it came.
//!
//! A target's `#` and what follows it is for the client alone, and so the parser drops it; a
//! link's unencoded deep link takes it along. [`Heads`] keeps it beside.

use crumb_wire::percent::escape;

/// Bytes of a target that the parser takes; for a longer one it answers 414.
const MAX_TARGET_BYTES: usize = 65_534;
/// Bytes read, and forgotten, of a head whose target is too long, so that the
/// client has sent it all when it is answered; of a longer one the answer goes out
/// while it is still being sent.
const MAX_FORGOTTEN_BYTES: usize = 1024 * 1024;
/// What stands for the part of a head that was forgotten.
const END_OF_FORGOTTEN_HEAD: &[u8] = b" HTTP/1.1\r\n\r\n";

/// Where in the stream of requests a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before a request; blank lines are none.
    Start,
    Method,
    Target,
    /// Within a line, behind the target.
    Line,
    /// At the beginning of a header line.
    LineStart,
    /// Behind a carriage return that began a line.
    BlankLine,
    /// Behind a whole head, before the parser has told of its body.
    Whole,
    /// Within a body, with so many bytes to come.
    Body(u64),
    /// Anywhere: nothing is looked at any more.
    Unknown,
}

/// Follows the heads of one connection's requests.
#[derive(Debug)]
pub struct Heads {
    at: At,
    /// Whole heads that were handed out.
    whole: u32,
    /// Bytes of the target under way, as handed out.
    target_bytes: usize,
    /// Bytes of a head that were not handed out, as its target is too long.
    forgotten_bytes: Option<usize>,
    /// The fragment of the target under way, as handed out, its `#` included.
    fragment: Vec<u8>,
}

/// What to hand out of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Passed {
    /// So many of them are dealt with; those behind are to be asked for again.
    pub taken: usize,
    /// What to hand out in their place; none where they go as they are.
    pub rewritten: Option<Vec<u8>>,
}

impl Heads {
    /// The heads of a connection that begins.
    pub fn new() -> Self {
        Self { at: At::Start, whole: 0, target_bytes: 0, forgotten_bytes: None, fragment: Vec::new() }
    }

    /// Hears from the parser, before each read: how many requests it has begun, and
    /// how long the last one's body is, where it knows.
    pub fn hear(&mut self, begun: u32, body_bytes: Option<u64>) {
        self.at = match (self.at, body_bytes) {
            (At::Whole, Some(0)) if begun == self.whole => At::Start,
            (At::Whole, Some(bytes)) if begun == self.whole => At::Body(bytes),
            (At::Whole, _) => At::Unknown,
            (at, _) if begun == self.whole => at,
            _ => At::Unknown,
        };
    }

    /// Whether all that comes passes as it is, from now on.
    pub fn is_over(&self) -> bool {
        self.at == At::Unknown
    }

    /// Whether a head has begun and is not whole.
    pub fn is_within_head(&self) -> bool {
        matches!(self.at, At::Method | At::Target | At::Line | At::LineStart | At::BlankLine)
    }

    /// The fragment of the last head that was handed out whole, and which one that is; none
    /// for most, and none twice.
    pub fn take_fragment(&mut self) -> Option<(u32, Vec<u8>)> {
        (self.at == At::Whole && !self.fragment.is_empty())
            .then(|| (self.whole, std::mem::take(&mut self.fragment)))
    }

    /// Passes bytes that follow those passed before, at most to the end of a head or
    /// of a body.
    pub fn pass(&mut self, bytes: &[u8]) -> Passed {
        match self.at {
            At::Unknown | At::Whole => return Passed { taken: bytes.len(), rewritten: None },
            At::Body(left) => {
                let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                let left = left.saturating_sub(taken as u64);
                self.at = if left == 0 { At::Start } else { At::Body(left) };
                return Passed { taken, rewritten: None };
            }
            _ => {}
        }
        let mut out = Copied { bytes, rewritten: self.forgotten_bytes.map(|_| Vec::new()) };
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            let run = self.run(rest);
            self.keep(run, &mut out);
            taken += run.len();
            if self.at == At::LineStart && !run.is_empty() {
                self.at = At::Line;
            }
            let Some(byte) = bytes.get(taken) else { break };
            self.step(*byte, taken, &mut out);
            taken += 1;
            if self.at == At::Whole {
                break;
            }
        }
        if self
            .forgotten_bytes
            .is_some_and(|forgotten| self.at == At::Whole || forgotten > MAX_FORGOTTEN_BYTES)
        {
            out.rewrite(taken).extend_from_slice(END_OF_FORGOTTEN_HEAD);
            self.at = At::Unknown;
        }
        Passed { taken, rewritten: out.rewritten }
    }

    /// Bytes ahead that change nothing, but that a line has begun: most of a head is header
    /// lines and the plain bytes of its target, and they are skipped as one.
    fn run<'b>(&self, rest: &'b [u8]) -> &'b [u8] {
        let end = match self.at {
            At::Line => end_of_lines(rest),
            // All header lines but the blank one, whose first byte tells it.
            At::LineStart if !matches!(rest.first(), Some(b'\r' | b'\n')) => end_of_lines(rest),
            At::Method => rest.iter().position(|byte| matches!(byte, b' ' | b'\n')),
            At::Target if self.forgotten_bytes.is_none() => {
                // The byte behind the last that the parser takes is looked at by itself.
                let most = MAX_TARGET_BYTES.saturating_sub(self.target_bytes).min(rest.len());
                let within = rest.get(..most).unwrap_or_default();
                Some(plain_bytes(within))
            }
            _ => Some(0),
        };
        rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
    }

    fn keep(&mut self, run: &[u8], out: &mut Copied<'_>) {
        if let Some(forgotten) = &mut self.forgotten_bytes {
            *forgotten += run.len();
            return;
        }
        if self.at == At::Target {
            self.target_bytes += run.len();
            if !self.fragment.is_empty() {
                self.fragment.extend_from_slice(run);
            }
        }
        out.keep(run);
    }

    fn step(&mut self, byte: u8, at: usize, out: &mut Copied<'_>) {
        let next = match (self.at, byte) {
            (At::Start, b'\r' | b'\n') => At::Start,
            (At::Start, _) => At::Method,
            (At::Method, b' ') => {
                self.fragment.clear();
                At::Target
            }
            (At::Target, b' ') => At::Line,
            (At::BlankLine | At::LineStart, b'\n') => At::Whole,
            (At::LineStart, b'\r') => At::BlankLine,
            (At::Method | At::Target | At::Line, b'\n') => At::LineStart,
            (At::BlankLine, _) => At::Line,
            (at, _) => at,
        };
        if self.at == At::Target && next == At::Target {
            self.target_byte(byte, at, out);
        } else if self.forgotten_bytes.is_none() {
            out.keep(&[byte]);
        }
        self.at = next;
        if let Some(forgotten) = &mut self.forgotten_bytes {
            *forgotten += 1;
        }
        if next == At::Whole {
            self.whole = self.whole.wrapping_add(1);
            self.target_bytes = 0;
        }
    }

    fn target_byte(&mut self, byte: u8, at: usize, out: &mut Copied<'_>) {
        if self.forgotten_bytes.is_some() {
            return;
        }
        let is_of_fragment = byte == b'#' || !self.fragment.is_empty();
        if is_refused(byte) {
            let escaped = escape(byte);
            self.target_bytes += escaped.len();
            out.rewrite(at).extend_from_slice(&escaped);
            self.fragment.extend(escaped.iter().filter(|_| is_of_fragment));
        } else {
            self.target_bytes += 1;
            out.keep(&[byte]);
            self.fragment.extend(is_of_fragment.then_some(byte));
        }
        if self.target_bytes > MAX_TARGET_BYTES {
            // From here on nothing is copied but the end.
            out.rewrite(at + 1);
            self.forgotten_bytes = Some(0);
        }
    }
}

/// Bytes that are copied only once one of them changes.
struct Copied<'b> {
    bytes: &'b [u8],
    rewritten: Option<Vec<u8>>,
}

impl Copied<'_> {
    /// The copy, begun with those before a place.
    fn rewrite(&mut self, at: usize) -> &mut Vec<u8> {
        self.rewritten.get_or_insert_with(|| self.bytes.get(..at).unwrap_or_default().to_vec())
    }

    fn keep(&mut self, bytes: &[u8]) {
        if let Some(rewritten) = &mut self.rewritten {
            rewritten.extend_from_slice(bytes);
        }
    }
}

/// The first end of a line that may be a head's last: what follows it begins a blank line, or
/// has not come.
fn end_of_lines(lines: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', lines).find(|end| matches!(lines.get(end + 1), None | Some(b'\r' | b'\n')))
}

/// Bytes looked at together: as many as the smallest processors compare at once.
const CHUNK: usize = 16;

/// How many bytes at the beginning of a target are plain.
fn plain_bytes(bytes: &[u8]) -> usize {
    // All of a chunk, with no end in between: that is what compilers make one comparison of.
    let is_all_plain =
        |chunk: &&[u8]| chunk.iter().fold(0, |others, byte| others | u8::from(!is_plain(*byte))) == 0;
    let plain = bytes.chunks_exact(CHUNK).take_while(is_all_plain).count() * CHUNK;
    let rest = bytes.get(plain..).unwrap_or_default();
    plain + rest.iter().position(|byte| !is_plain(*byte)).unwrap_or(rest.len())
}

/// Whether a byte of a target goes as it is, and neither ends nor begins anything.
fn is_plain(byte: u8) -> bool {
    !is_refused(byte) && !matches!(byte, b' ' | b'\n' | b'#')
}

/// Whether the parser refuses a byte in a target that the dialect reads. Of bytes
/// beyond ASCII it takes those of whole UTF-8 texts; escaped they say the same.
fn is_refused(byte: u8) -> bool {
    matches!(byte, b'"' | b'<' | b'>' | b'`' | 0x80..)
}

#[cfg(test)]
mod tests;
