//! The published vectors of AWS, and host names as AWS has them.

use serde_json::Value;

use crate::gate::sigv4::{PathStyle, Signer, Subject, amz_date, payload_digest, service_of_host, sign};

#[test]
fn every_published_vector_gives_the_published_signature() {
    let suite: Value = serde_json::from_str(include_str!("sigv4-vectors.json")).unwrap();
    let vectors = suite["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 40);
    for vector in vectors {
        check(&suite, vector);
    }
}

fn check(suite: &Value, vector: &Value) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let name = text(&vector["name"]);
    // Two vectors come from another suite: they encode twice, and have a canonical form only.
    let double = name.starts_with("double-");
    let (method, path, query, mut headers, body) = parse(vector["request"].as_str().unwrap());
    let at = suite["at"].as_str().unwrap().parse().unwrap();
    let payload = payload_digest(body.as_bytes());
    if !headers.iter().any(|(name, _)| name == "x-amz-date") {
        headers.push(("x-amz-date".into(), amz_date(at)));
    }
    if vector["sign_body"] == true {
        headers.push(("x-amz-content-sha256".into(), payload.clone()));
    }
    if vector["token"].is_string() && vector["omit_session_token"] != true {
        headers.push(("x-amz-security-token".into(), text(&vector["token"])));
    }
    let secret = text(&suite["credentials"]["secret"]);
    let (access_key, region, service) =
        (text(&suite["credentials"]["access_key"]), text(&suite["region"]), text(&suite["service"]));
    let signer = Signer { access_key: &access_key, secret: &secret, region: &region, service: &service, at };
    let normalize = double || vector["normalize"] == true;
    let subject = Subject {
        method: &method,
        path: &path,
        query: &query,
        headers: &headers,
        payload: &payload,
        paths: PathStyle { double, normalize },
    };
    let signature = sign(&signer, &subject);
    let canonical = text(&vector["canonical"]);
    if double {
        let path = |canonical: &str| canonical.lines().nth(1).map(str::to_owned);
        assert_eq!(path(&signature.canonical), path(&canonical), "{name}");
    } else {
        assert_eq!(signature.canonical, canonical, "{name}");
        assert_eq!(signature.signature, text(&vector["signature"]), "{name}");
    }
}

/// Method, path, query, headers with names in lower case, and body of an HTTP request as text; folded lines are joined.
fn parse(request: &str) -> (String, String, String, Vec<(String, String)>, String) {
    let request = request.replace("\r\n", "\n");
    let (head, body) = request.split_once("\n\n").unwrap_or((request.trim_end(), ""));
    let mut lines = head.lines();
    let (method, rest) = lines.next().unwrap().split_once(' ').unwrap();
    let target = rest.strip_suffix(" HTTP/1.1").unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines {
        match line.split_once(':') {
            Some((name, value)) if !line.starts_with(' ') => headers.push((name.to_lowercase(), value.to_owned())),
            _ => headers.last_mut().unwrap().1.push_str(line),
        }
    }
    (method.to_owned(), path.to_owned(), query.to_owned(), headers, body.to_owned())
}

#[test]
fn a_host_of_aws_says_its_service_and_region() {
    let table = [
        ("iam.amazonaws.com", Some(("iam", Some("us-east-1")))),
        ("sts.amazonaws.com", Some(("sts", Some("us-east-1")))),
        ("sts.eu-central-1.amazonaws.com", Some(("sts", Some("eu-central-1")))),
        ("kms.us-gov-west-1.amazonaws.com", Some(("kms", Some("us-gov-west-1")))),
        ("kms-fips.us-east-2.amazonaws.com", Some(("kms", Some("us-east-2")))),
        ("weights.s3.eu-west-1.amazonaws.com", Some(("s3", Some("eu-west-1")))),
        ("s3.dualstack.ap-southeast-4.amazonaws.com", Some(("s3", Some("ap-southeast-4")))),
        ("s3.amazonaws.com", Some(("s3", None))),
        ("api.ecr.us-east-1.amazonaws.com", Some(("ecr", Some("us-east-1")))),
        ("runtime.sagemaker.us-east-1.amazonaws.com", Some(("sagemaker", Some("us-east-1")))),
        ("kms.us-east-1.api.aws", Some(("kms", Some("us-east-1")))),
        ("iam.cn-north-1.amazonaws.com.cn", Some(("iam", Some("cn-north-1")))),
        ("amazonaws.com", None),
        ("iam.amazonaws.com.example.com", None),
        ("notamazonaws.com", None),
        ("127.0.0.1", None),
    ];
    for (host, expected) in table {
        let found = service_of_host(host);
        let found = found.as_ref().map(|(service, region)| (service.as_str(), region.as_deref()));
        assert_eq!(found, expected, "{host}");
    }
}
