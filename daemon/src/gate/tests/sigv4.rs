//! Signatures of AWS: the published vectors, and what goes out against what botocore 1.44.8 makes of the same request.

use serde_json::Value;
use std::sync::Mutex;

use super::*;
use crate::{
    domain::CredentialKind,
    gate::sigv4::{PathStyle, Signer, Subject, amz_date, payload_digest, service_of_host, sign},
    secret::SecretSource,
};

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

const KEY: &str = "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// Sends `request` by way of a proxy, so that it bears the name of AWS, and returns the head that arrived.
async fn signed_head(request: HttpRequest, secret: &str, kind: CredentialKind) -> String {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let proxy = Server::tcp(move |mut stream| {
        let seen = Arc::clone(&seen);
        async move {
            let head = read_head(&mut stream).await;
            seen.lock().unwrap().push(head);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("aws-audit");
    std::fs::write(&file, secret).unwrap();
    let credential =
        CredentialSettings { id: "aws-audit".parse().unwrap(), kind, secret: Some(SecretSource::File(file)) };
    let through = proxy_at(proxy.address.port());
    let grant = Grant { credential: Some("aws-audit".parse().unwrap()), ..grant_of(&request.url) };
    door_of(&gate(vec![credential], Vec::new(), Some(through)), [grant]).send(request).await.unwrap();
    heads.lock().unwrap().remove(0)
}

#[tokio::test]
async fn what_goes_out_bears_the_signature_that_botocore_gives_it() {
    let list_users = HttpRequest {
        method: "POST".into(),
        headers: vec![
            ("Content-Type".into(), "application/x-www-form-urlencoded".into()),
            ("x-other".into(), "1".into()),
        ],
        body: Some(b"Action=ListUsers&Version=2010-05-08".to_vec()),
        ..get("http://iam.amazonaws.com/")
    };
    let function =
        get("http://lambda.eu-west-1.amazonaws.com/2015-03-31/functions/arn%3Aaws%3Alambda?b=2&a=%C3%A4%2F&c");
    let object = get("http://weights.s3.eu-west-1.amazonaws.com/a%20b//key%2B1?list-type=2&prefix=x%2Fy");
    let with_token = format!("{KEY}:session-token-of-the-test");
    let cases = [
        (
            list_users,
            KEY,
            "us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, \
             Signature=fcdb1637779fbb98e7da2c4c2699c340faa8f37c69bae8d7fd93ca8cd2e197e5",
        ),
        (
            function,
            &with_token,
            "eu-west-1/lambda/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token, \
             Signature=251b6912d6e1ce788237e6b1b3f5fda7bfb80a1009572631de20c07ff9b235a2",
        ),
        (
            object,
            KEY,
            "eu-west-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, \
             Signature=971344716daf8e5c0a5550edc0cc9771929747348a92b662ca53f4d4c2ca9af0",
        ),
    ];
    for (request, secret, signature) in cases {
        let head = signed_head(request, secret, CredentialKind::AwsSigv4 { access_key_id: None }).await;
        let expected =
            format!("authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260302/{signature}\r\n");
        assert!(head.contains(&expected), "{head}\n{expected}");
        assert!(head.contains("x-amz-date: 20260302T060000Z\r\n"), "{head}");
        assert!(!head.contains("wJalr"), "{head}");
    }
}

#[tokio::test]
async fn a_key_of_aws_is_read_in_each_of_its_forms() {
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let json =
        format!("{{\"Version\": 1, \"AccessKeyId\": \"AKIAIOSFODNN7EXAMPLE\", \"SecretAccessKey\": \"{secret}\"}}\n");
    let configured = Some("AKIAIOSFODNN7EXAMPLE".to_owned());
    let request = || get("http://iam.amazonaws.com/");
    let expected = signed_head(request(), KEY, CredentialKind::AwsSigv4 { access_key_id: None }).await;
    for (secret, access_key_id) in [(json.as_str(), None), (secret, configured)] {
        assert_eq!(signed_head(request(), secret, CredentialKind::AwsSigv4 { access_key_id }).await, expected);
    }
}

#[tokio::test]
async fn a_host_that_does_not_say_its_service_needs_it_configured() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("key");
    std::fs::write(&file, KEY).unwrap();
    let kind = CredentialKind::AwsSigv4 { access_key_id: None };
    let credential = CredentialSettings { id: "key".parse().unwrap(), kind, secret: Some(SecretSource::File(file)) };
    let gate = gate(vec![credential], Vec::new(), None);
    let grant = Grant { credential: Some("key".parse().unwrap()), ..server.grant() };
    let why = refusal(door_of(&gate, [grant.clone()]).send(get(server.url("/"))).await);
    assert_eq!(why, format!("{} has no service in its name: its source needs `service = \"…\"`", server.address));
    let grant = Grant { service: Some("iam".into()), ..grant };
    let why = refusal(door_of(&gate, [grant.clone()]).send(get(server.url("/"))).await);
    assert_eq!(why, format!("{} has no region in its name: its source needs `region = \"…\"`", server.address));
    let grant = Grant { region: Some("us-east-1".into()), ..grant };
    door_of(&gate, [grant]).send(get(server.url("/"))).await.unwrap();
}
