//! Which content codings there are (RFC 9110, section 8.4.1, and IANA's registry as far as anybody uses it).

/// The codings that change a body's bytes.
const CODINGS: [&str; 7] = ["gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress"];

/// Whether a value of `Content-Encoding`, which may be a list, names a coding that exists. `identity` is none, and
/// neither is what programs write there by mistake, with a body as it is: `none`, `utf-8`, nothing at all.
pub(crate) fn is_coding(value: &[u8]) -> bool {
    value.split(|byte| *byte == b',').any(|one| {
        let one = one.trim_ascii();
        CODINGS.iter().any(|coding| one.eq_ignore_ascii_case(coding.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_20_only_codings_that_exist_are_codings() {
        for coding in
            ["gzip", "GZIP", "x-gzip", "Deflate", "br", "zstd", "compress", "identity, gzip", " br ", ",br"]
        {
            assert!(is_coding(coding.as_bytes()), "{coding}");
        }
        for none in [
            "",
            " ",
            ",",
            "identity",
            "Identity",
            "none",
            "utf-8",
            "UTF-8",
            "gzipped",
            "aws-chunked",
            "br;q=1",
        ] {
            assert!(!is_coding(none.as_bytes()), "{none}");
        }
    }
}
