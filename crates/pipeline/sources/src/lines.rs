use std::io::{Error, ErrorKind, Read};

/// A longer line is refused, so that a file without line ends cannot fill the memory.
pub(crate) const MAX_LINE_BYTES: usize = 1 << 20;
/// So much of a file is read at once.
const BUFFER: usize = 64 << 10;

/// The lines of a file, each lent from where it was read to: nothing is copied but the beginning of a
/// line whose end is still to be read.
pub(crate) struct Lines {
    file: Box<dyn Read + Send>,
    /// What was read lies between `start` and `end`; it grows for a line that is longer than it.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Lines {
    pub(crate) fn new(file: Box<dyn Read + Send>) -> Lines {
        Lines { file, buffer: vec![0; BUFFER], start: 0, end: 0 }
    }

    /// The next line without its end, or why it is refused; none at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<Result<&str, String>>, Error> {
        let mut searched = 0;
        let length = loop {
            let read = &self.buffer[self.start..self.end];
            let first = &read[..read.len().min(MAX_LINE_BYTES)];
            if let Some(more) = memchr::memchr(b'\n', &first[searched..]) {
                break searched + more + 1;
            }
            searched = first.len();
            if searched == MAX_LINE_BYTES {
                self.skip()?;
                return Ok(Some(Err(format!("the line is longer than {MAX_LINE_BYTES} bytes"))));
            }
            if self.fill()? == 0 {
                break searched;
            }
        };
        if length == 0 {
            return Ok(None);
        }
        let mut line = &self.buffer[self.start..self.start + length];
        self.start += length;
        while let [rest @ .., b'\n' | b'\r'] = line {
            line = rest;
        }
        Ok(Some(std::str::from_utf8(line).map_err(|_| "the line is not UTF-8".to_string())))
    }

    /// Moves past the next end of a line.
    fn skip(&mut self) -> Result<(), Error> {
        loop {
            if let Some(more) = memchr::memchr(b'\n', &self.buffer[self.start..self.end]) {
                self.start += more + 1;
                return Ok(());
            }
            self.start = self.end;
            if self.fill()? == 0 {
                return Ok(());
            }
        }
    }

    /// Reads on, and says how many bytes; none at the end of the file.
    fn fill(&mut self) -> Result<usize, Error> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            self.buffer.resize(2 * self.end, 0);
        }
        loop {
            match self.file.read(&mut self.buffer[self.end..]) {
                Ok(count) => {
                    self.end += count;
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Cursor};

    use proptest::prelude::*;

    use super::*;

    /// Gives a file in pieces, and is interrupted before each.
    struct Pieces {
        bytes: Cursor<Vec<u8>>,
        sizes: Vec<usize>,
        reads: usize,
    }

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
            self.reads += 1;
            if self.reads % 2 == 1 {
                return Err(ErrorKind::Interrupted.into());
            }
            let size = self.sizes[self.reads % self.sizes.len()].min(buffer.len());
            self.bytes.read(&mut buffer[..size])
        }
    }

    fn found(file: Box<dyn Read + Send>) -> Vec<Result<String, String>> {
        let mut lines = Lines::new(file);
        let mut found = Vec::new();
        while let Some(line) = lines.next().expect("the file is read") {
            found.push(line.map(str::to_string));
        }
        found
    }

    /// What the standard library makes of it.
    fn general(bytes: &[u8]) -> Vec<Result<String, String>> {
        let mut file = BufReader::new(bytes);
        let mut found = Vec::new();
        loop {
            let mut line = Vec::new();
            let read = (&mut file).take(MAX_LINE_BYTES as u64).read_until(b'\n', &mut line).expect("it is read");
            if read == 0 {
                return found;
            }
            if read == MAX_LINE_BYTES && line.last() != Some(&b'\n') {
                file.skip_until(b'\n').expect("it is read");
                found.push(Err(format!("the line is longer than {MAX_LINE_BYTES} bytes")));
                continue;
            }
            while matches!(line.last(), Some(b'\n' | b'\r')) {
                line.pop();
            }
            found.push(String::from_utf8(line).map_err(|_| "the line is not UTF-8".to_string()));
        }
    }

    #[test]
    fn a_line_too_long_is_refused_and_the_next_is_read() {
        for (length, end) in [MAX_LINE_BYTES - 1, MAX_LINE_BYTES, MAX_LINE_BYTES + 1, 3 * MAX_LINE_BYTES]
            .into_iter()
            .flat_map(|length| ["", "\n", "\r\n", "\nafter", "\n\nafter\n"].map(|end| (length, end)))
        {
            let text = format!("before\n{}{end}", "a".repeat(length));
            let lines = found(Box::new(Cursor::new(text.clone().into_bytes())));
            assert!(lines == general(text.as_bytes()), "{length} bytes, then {end:?}");
        }
    }

    #[test]
    fn an_error_is_handed_on() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> Result<usize, Error> {
                Err(Error::other("broken"))
            }
        }
        let mut lines = Lines::new(Box::new(b"whole\npart".chain(Broken)));
        assert_eq!(lines.next().expect("it is read"), Some(Ok("whole")));
        assert_eq!(lines.next().expect_err("it is not read").to_string(), "broken");
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_standard_library(
            parts in prop::collection::vec(
                (prop_oneof![4 => 0usize..9, 1 => 0usize..2 * BUFFER], "[\\r\\n]{0,3}|é|\u{0}"),
                0..12,
            ),
            odd in any::<Option<(prop::sample::Index, u8)>>(),
            sizes in prop::collection::vec(prop_oneof![1usize..9, 1usize..2 * BUFFER], 1..4),
        ) {
            let mut bytes: Vec<u8> =
                parts.iter().flat_map(|(length, end)| [&vec![b'a'; *length], end.as_bytes()].concat()).collect();
            if let Some((place, byte)) = odd && !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            let want = general(&bytes);
            // Large files in the smallest pieces would take long.
            let reads = 2 * bytes.len() / sizes.iter().min().expect("some") + 2;
            prop_assume!(reads < 1_000_000);
            let pieces = Pieces { bytes: Cursor::new(bytes.clone()), sizes, reads: 0 };
            prop_assert!(found(Box::new(pieces)) == want);
            prop_assert!(found(Box::new(Cursor::new(bytes))) == want);
        }
    }
}
