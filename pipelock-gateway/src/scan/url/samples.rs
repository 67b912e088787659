//! Golden samples of the shapes, as `pipelock rules test` tries them.

use super::{CRLF, HOST_ENTROPY, LENGTH, PATH_ENTROPY, QUERY_ENTROPY, TRAVERSAL};
use crate::model::Severity;
use crate::scan::rules::samples::Samples;

/// The rules of this layer: names as findings carry them, the highest severity each can reach, and samples.
pub(in crate::scan) const RULES: &[(&str, Severity, Samples)] = &[
    shape(
        CRLF,
        Severity::High,
        &["https://a.example/go?to=x%0d%0aSet-Cookie:%20admin=1", "/x%250aHost:evil.example"],
        &["/share#%0d%0aHost:x", "/x?y=%0b%0c"],
    ),
    shape(
        TRAVERSAL,
        Severity::High,
        &["/static/%2e%2e/%2e%2e/etc/passwd", "/get?file=../../../config"],
        &["/compare/v1.0...v1.1", "/next?back=../list"],
    ),
    shape(
        HOST_ENTROPY,
        Severity::Medium,
        &["https://k7q2vxlm9tz0bw4hs6jd8fp1gn3ke5yc7ua9qwz1x5r8t2m.example.com/"],
        &["https://9f86d081884c7d659a2feaa0c55ad015.r2.cloudflarestorage.com/x", "https://o451123.ingest.sentry.io/"],
    ),
    shape(
        PATH_ENTROPY,
        Severity::Medium,
        &["/t/k7Rq2VxLm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc7Ua9QWz"],
        &["/c/3f786850e387550fdab836ed7e6dc881de23001b", "/2024/how-to-configure-the-quick-brown-fox"],
    ),
    shape(
        QUERY_ENTROPY,
        Severity::Medium,
        &["/t?d=k7Rq2VxLm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc7Ua9QWz"],
        &["/t?cursor=k7Rq2VxLm9Tz0Bw4Hs6Jd8Fp1Gn3Ke5Yc7Ua9QWz", "/t?id=123e4567-e89b-12d3-a456-426614174000"],
    ),
    shape(LENGTH, Severity::Medium, &[LONG], &["/search?q=a+question+of+ordinary+length"]),
];

/// A path longer than servers take.
const LONG: &str = match std::str::from_utf8(&[b'/'; 8200]) {
    Ok(path) => path,
    Err(_) => "",
};

const fn shape(
    rule: &'static str,
    severity: Severity,
    found: &'static [&'static str],
    ignored: &'static [&'static str],
) -> (&'static str, Severity, Samples) {
    (rule, severity, Samples { rule, found, ignored })
}
