//! The requests and replies that the proxy before the tests' cloud passes on, as HTTP has them.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;

/// One request of AWS' SDK.
pub struct Request {
    /// The first line and the headers, as they came.
    pub head: String,
    pub body: Vec<u8>,
    pub service: String,
    pub action: String,
    /// Whose key signed it.
    pub access_key: Option<String>,
}

/// Whether a line is of that header.
pub fn names(line: &str, header: &str) -> bool {
    line.split_once(':').is_some_and(|(name, _)| name.eq_ignore_ascii_case(header))
}

/// The value of a header.
pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .find(|line| names(line, name))
        .and_then(|line| line.split_once(':'))
        .map(|(_, value)| value.trim())
}

/// `None` where the connection ended.
pub fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        head += &line;
    }
    let chunked =
        header(&head, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    let body =
        if chunked { read_chunks(reader)? } else { read_exactly(reader, header(&head, "content-length"))? };
    let authorization = header(&head, "authorization").unwrap_or_default();
    let service = authorization.split('/').nth(3).unwrap_or("?").to_owned();
    let text = String::from_utf8_lossy(&body);
    let form = text.split('&').find_map(|pair| pair.strip_prefix("Action="));
    let target = header(&head, "x-amz-target").and_then(|target| target.rsplit('.').next());
    let line = head.lines().next().unwrap_or_default();
    let plain = line.rsplit_once(' ').map_or(line, |(request, _)| request);
    let action = form.or(target).unwrap_or(plain).to_owned();
    let key = authorization.split_once("Credential=").and_then(|(_, rest)| rest.split('/').next());
    let access_key = key.map(str::to_owned);
    Some(Request { head, body, service, action, access_key })
}

fn read_exactly(reader: &mut impl Read, length: Option<&str>) -> Option<Vec<u8>> {
    let mut body = vec![0; length.map_or(Ok(0), str::parse).ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

fn read_chunks(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let length = usize::from_str_radix(line.trim().split(';').next()?, 16).ok()?;
        let mut chunk = vec![0; length + 2];
        reader.read_exact(&mut chunk).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(&chunk[..length]);
    }
}

/// The status of a reply; 0 where there is none.
pub fn status_of(reply: &[u8]) -> u16 {
    let line = reply.split(|&byte| byte == b'\r').next().unwrap_or_default();
    String::from_utf8_lossy(line).split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// An error in the form of the service that was called.
pub fn error(request: &Request, status: u16, code: &str, message: &str) -> Vec<u8> {
    let json = header(&request.head, "x-amz-target").is_some() || request.service == "ebs";
    let text = match request.service.as_str() {
        _ if json => serde_json::json!({ "__type": code, "message": message }).to_string(),
        "ec2" => format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
             <RequestID>injected</RequestID></Response>"
        ),
        "s3" => format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"),
        _ => format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
             <RequestId>injected</RequestId></ErrorResponse>"
        ),
    };
    let kind = if json { "application/x-amz-json-1.1" } else { "text/xml" };
    let length = text.len();
    format!("HTTP/1.1 {status} Injected\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{text}")
        .into_bytes()
}
