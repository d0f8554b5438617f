//! A request as it is written on a connection.

use bytes::Bytes;
use evidenced_contract::HttpError;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;
use url::Url;

use super::{
    connect::Connection,
    credential::add,
    request::{Target, refused},
};

/// Adds the headers that the host sets on every request.
pub(super) fn add_own_headers(headers: &mut HeaderMap, target: &Target) -> Result<(), HttpError> {
    let host = HeaderValue::try_from(target.host_header());
    headers.insert(header::HOST, host.map_err(|_| refused("this host cannot be named in a header".to_owned()))?);
    // What was compressed could not be searched for secrets, and could be a bomb.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let agent = HeaderValue::from_static(concat!("evidenced/", env!("CARGO_PKG_VERSION")));
    headers.entry(header::USER_AGENT).or_insert(agent);
    Ok(())
}

/// What a proxy reads has the whole URL, and the proxy's login.
pub(super) fn message(
    method: &Method,
    url: &Url,
    mut headers: HeaderMap,
    body: Bytes,
    connection: &Connection,
) -> Result<Request<Full<Bytes>>, HttpError> {
    let text = if connection.proxied.is_some() { url.as_str() } else { &url[url::Position::BeforePath..] };
    let uri = text.parse::<Uri>().map_err(|_| refused("the URL has a character that cannot be sent".to_owned()))?;
    if let Some(pass) = connection.proxied.as_ref().and_then(|proxied| proxied.pass.as_ref()) {
        add(&mut headers, header::PROXY_AUTHORIZATION, pass.header().expose())?;
    }
    let mut message = Request::new(Full::new(body));
    *message.method_mut() = method.clone();
    *message.uri_mut() = uri;
    *message.headers_mut() = headers;
    Ok(message)
}
