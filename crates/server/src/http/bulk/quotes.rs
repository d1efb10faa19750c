//! Quotes of a CSV file (RFC 4180 §2) that a reader would make the best of: one that is never closed takes in all the
//! lines behind it, as where a file was cut off.

use hookswitch_api::bulk::BulkError;

const OPEN: &str = "a cell begins with a quote that is never closed";
const INSIDE: &str = "a quote stands inside a cell that does not begin with one: put the cell in quotes and double the quote";
const BEHIND: &str =
    "something follows the quote that ends a cell: a quote inside a cell is doubled";

/// Where the reader of a file is.
#[derive(Clone, Copy)]
enum At {
    /// Before the first character of a cell.
    Start,
    /// In a cell without quotes.
    Plain,
    /// In a cell whose quote was opened on this line.
    Quoted(u64),
    /// Behind a quote in such a cell: the end of it, or the first of two.
    Closed(u64),
    /// In a cell that was found wrong, up to the next line.
    Skipped,
}

/// What is wrong with the quotes of a file, at most `most` times, line by line.
pub(super) fn faults<'p>(pieces: impl Iterator<Item = &'p [u8]>, most: usize) -> Vec<BulkError> {
    let mut faults = Vec::new();
    let (mut at, mut line) = (At::Start, 1);
    for byte in pieces.flatten().copied() {
        at = match (at, byte) {
            (At::Quoted(from), b'"') => At::Closed(from),
            (At::Quoted(from), _) => At::Quoted(from),
            (At::Closed(from), b'"') => At::Quoted(from),
            (_, b'\n' | b'\r') => At::Start,
            (At::Skipped, _) => At::Skipped,
            (_, b',') => At::Start,
            (At::Start, b'"') => At::Quoted(line),
            (At::Plain, b'"') => {
                faults.push(fault(line, INSIDE));
                At::Skipped
            }
            (At::Closed(_), _) => {
                faults.push(fault(line, BEHIND));
                At::Skipped
            }
            (At::Start | At::Plain, _) => At::Plain,
        };
        if faults.len() >= most {
            return faults;
        }
        line += u64::from(byte == b'\n');
    }
    if let At::Quoted(from) = at {
        faults.push(fault(from, OPEN));
    }
    faults
}

fn fault(line: u64, why: &str) -> BulkError {
    BulkError {
        line,
        pointer: String::new(),
        detail: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(u64, String)> {
        // One octet at a time: a piece ends anywhere.
        let pieces = text.as_bytes().chunks(1);
        let faults = faults(pieces, 100).into_iter();
        faults.map(|fault| (fault.line, fault.detail)).collect()
    }

    #[test]
    fn cells_in_quotes_may_have_commas_lines_and_doubled_quotes() {
        for text in [
            "a,b\n1,\"x, y\"\r\n2,\"two\nlines\"\n3,\"\"\n4,\"say \"\"hi\"\"\"\n\"5\",",
            "\"a\"",
            "",
            "a,'b'\n",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn a_quote_that_is_never_closed_is_named_by_its_line() {
        for (text, line) in [
            ("a,b\nx1,\"a\nx2,b\nx3,c\n", 2),
            ("a,b\n\n1,2\n3,\"", 4),
            ("a,b\n1,\"two\nlines\"\n2,\"x\"\"\n", 4),
        ] {
            assert_eq!(found(text), [(line, OPEN.to_owned())], "{text}");
        }
    }

    #[test]
    fn a_quote_in_the_wrong_place_is_told_once_a_line() {
        let text = "a,b\n1,x\"y\"z\n2,\"x\"y\"\n3, \"x\"\n4,good\n";
        let expected = [(2, INSIDE), (3, BEHIND), (4, INSIDE)];
        assert_eq!(
            found(text),
            expected.map(|(line, why)| (line, why.to_owned()))
        );
        let many = "x\"\n".repeat(1_000);
        assert_eq!(faults(std::iter::once(many.as_bytes()), 7).len(), 7);
    }
}
