//! What must hold for any datagram, tried by the fuzz crate through [`crate::fuzzing`]. No interface.

use super::{Code, Query, refused};

/// What is read can be put anew and reads the same; what is put carries nothing but the question; answers can be told from others;
/// and whatever comes as an answer, there is an end to it.
pub fn dns(input: &[u8]) {
    match Query::parse(input) {
        Ok(query) => {
            let put = query.rebuilt(7);
            assert!(put.len() <= 12 + 255 + 4 + 11, "{} bytes are put", put.len());
            let again = Query::parse(&put).expect("what is put can be read");
            assert!(again.dotted().eq_ignore_ascii_case(&query.dotted()) && again.rebuilt(7) == put);
            assert!(query.name().bytes().all(|byte| byte.is_ascii_graphic()));
            for code in [Code::FormErr, Code::ServFail, Code::NotImp, Code::Refused] {
                assert!(query.is_answered_by(query.id, &query.refused(code)));
            }
            let restored = query.restored(query.refused(Code::ServFail), query.payload());
            assert!(restored.len() <= query.payload());
        }
        Err(error) => {
            if let Some(answer) = refused(input, error) {
                assert!(answer.len() == 12 && answer.first() == input.first());
            }
        }
    }
    // The same bytes as an answer: behind a question that they answer, and as they are.
    let question = Query::parse(b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x01a\x02bc\0\0\x01\0\x01").expect("a query");
    let mut answer = question.refused(Code::ServFail);
    if let Some((counts, records)) = input.split_first_chunk::<6>() {
        answer.iter_mut().skip(6).zip(counts).for_each(|(to, from)| *to = *from);
        answer.extend(records);
    }
    for bytes in [answer.as_slice(), input] {
        if let Ok(told) = question.told(bytes) {
            assert!(told.addresses.len() * 4 <= bytes.len() && told.text_bytes <= bytes.len());
        }
    }
}
