//! Which headers differ from answer to answer though the answer is the same.

/// Lower case. Taken from the answers of the services that the standard checks call (AWS, GitHub, OpenAI-style APIs,
/// Kubernetes) and of the proxies in front of them.
const NAMES: &[&str] = &[
    "age",
    "cf-ray",
    "date",
    "expires",
    "openai-processing-ms",
    "server-timing",
    "set-cookie",
    "traceparent",
    "tracestate",
    "x-amz-apigw-id",
    "x-amz-cf-id",
    "x-amz-cf-pop",
    "x-amz-id-2",
    "x-amz-request-id",
    "x-amzn-requestid",
    "x-amzn-trace-id",
    "x-correlation-id",
    "x-envoy-upstream-service-time",
    "x-github-request-id",
    "x-request-id",
    "x-response-time",
    "x-runtime",
    "x-served-by",
    "x-timer",
    "x-trace-id",
];

/// Rate limits count down with every answer.
const PREFIXES: &[&str] = &["ratelimit", "x-ratelimit-"];

fn is_volatile(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.binary_search(&name.as_str()).is_ok() || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

type Placed = Vec<(u32, String, String)>;

/// Volatile headers with their places, and the others.
pub(super) fn split(headers: &[(String, String)]) -> (Placed, Vec<(String, String)>) {
    let mut volatile = Vec::new();
    let mut stable = Vec::with_capacity(headers.len());
    for (at, (name, value)) in (0..).zip(headers) {
        if is_volatile(name) {
            volatile.push((at, name.clone(), value.clone()));
        } else {
            stable.push((name.clone(), value.clone()));
        }
    }
    (volatile, stable)
}

/// The headers in their order again.
pub(super) fn join(volatile: &[(u32, String, String)], stable: &[(String, String)]) -> Vec<(String, String)> {
    let mut headers = Vec::with_capacity(volatile.len() + stable.len());
    let mut stable = stable.iter().cloned();
    for (place, name, value) in volatile {
        while headers.len() < *place as usize {
            let Some(header) = stable.next() else { break };
            headers.push(header);
        }
        headers.push((name.clone(), value.clone()));
    }
    headers.extend(stable);
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(NAMES.is_sorted());
    }

    #[test]
    fn headers_come_back_in_their_order() {
        let header = |name: &str| (name.to_owned(), format!("value of {name}"));
        let headers: Vec<_> = ["Date", "content-type", "X-RateLimit-Remaining", "x-a", "x-b", "age"].map(header).into();
        let (volatile, stable) = split(&headers);
        assert_eq!(stable, ["content-type", "x-a", "x-b"].map(header));
        assert_eq!(join(&volatile, &stable), headers);
        assert_eq!(join(&[], &stable), stable);
    }
}
