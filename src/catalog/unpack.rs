//! Small files as tools compress them, unpacked under a cap. Pure.

use std::io::{self, Read};

use flate2::bufread::MultiGzDecoder;

/// zstd's window, as a power of two: no small file needs more memory.
const WINDOW_LOG: u32 = 24;

/// Told by its first bytes: gzip, zstd or an LZ4 frame is unpacked, anything
/// else is given back as it is. Errors: `UnexpectedEof` where it was cut,
/// `InvalidData` where it is damaged or holds more than `max` bytes.
pub fn unpack(bytes: &[u8], max: u64) -> io::Result<Vec<u8>> {
    match bytes {
        [0x1f, 0x8b, ..] => capped(MultiGzDecoder::new(bytes), max),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes)?;
            decoder.window_log_max(WINDOW_LOG)?;
            capped(decoder, max)
        }
        [0x04, 0x22, 0x4d, 0x18, ..] => match capped(lz4_flex::frame::FrameDecoder::new(bytes), max) {
            // a frame that was cut within its header is an empty one to the decoder
            Ok(none) if none.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            unpacked => unpacked,
        },
        _ => capped(bytes, max),
    }
}

fn capped(reader: impl Read, max: u64) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    reader.take(max.saturating_add(1)).read_to_end(&mut out)?;
    match out.len() as u64 > max {
        true => Err(io::Error::new(io::ErrorKind::InvalidData, format!("it holds more than {max} bytes"))),
        false => Ok(out),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn packed(text: &[u8]) -> [Vec<u8>; 3] {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(text).unwrap();
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(text).unwrap();
        [gzip.finish().unwrap(), lz4.finish().unwrap(), zstd::encode_all(text, 3).unwrap()]
    }

    #[test]
    fn what_was_packed_comes_back_and_what_was_cut_does_not() {
        let text = b"1\t0/3000000\tno recovery target specified\n".repeat(9);
        assert_eq!(unpack(&text, 1_000).unwrap(), text);
        for whole in packed(&text) {
            assert_eq!(unpack(&whole, 1_000).unwrap(), text);
            // an LZ4 frame ends with four zero bytes that nothing insists on
            for cut in 4..whole.len() - 4 {
                assert!(unpack(&whole[..cut], 1_000).is_err(), "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_bomb_is_stopped() {
        for bomb in packed(&vec![0; 64 << 20]) {
            assert!(bomb.len() < 1 << 20);
            let error = unpack(&bomb, 1 << 20).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let magic: [&[u8]; 4] =
                [b"", b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"];
            for magic in magic {
                let _ = unpack(&[magic, &bytes].concat(), 1_000);
            }
        }
    }
}
