//! Downloads from a server on this machine.

use super::*;
use std::io::{BufRead, BufReader, Write};

/// Answers each path with the file name that it is followed by; `/moved` sends elsewhere, `/none` is not there.
fn serve() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let first = lines.next().unwrap_or_default();
            let _ = lines.take_while(|line| !line.is_empty()).count();
            let path = first.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
            let name = |field: &str| format!("200 OK\r\nContent-Disposition: attachment; {field}");
            let head = match path {
                "/blanks" => name(r#"filename="a b; c.txt"; size=4"#),
                "/quotes" => name(r#"filename="d \"e\".txt""#),
                "/bare" => name("filename= f g.txt"),
                "/above" => name(r#"filename="../../h""#),
                "/moved" => "302 Found\r\nLocation: /to/there.txt?x=1".to_string(),
                "/none" => "404 Not Here".to_string(),
                _ => "200 OK".to_string(),
            };
            let _ = write!(stream, "HTTP/1.1 {head}\r\nContent-Length: 4\r\nConnection: close\r\n\r\none\n");
        }
    });
    port
}

#[tokio::test]
async fn the_answer_names_the_file_in_a_folder() {
    let (host, port) = (Host::new(), serve());
    std::fs::create_dir(host.path("to")).unwrap();
    let cases = [
        ("blanks", "a b; c.txt"),
        ("quotes", "d \"e\".txt"),
        ("bare", "f g.txt"),
        ("above", "h"),
        ("moved", "there.txt"),
        ("plain.txt?x=/y", "plain.txt"),
    ];
    for (path, name) in cases {
        let get = format!(r#"{{url: "http://127.0.0.1:{port}/{path}", dest: "@/to", mode: "0640"}}"#);
        let (changed, result) = host.run("get_url", &get).await.unwrap();
        let at = format!("to/{name}");
        assert!(changed, "{path}");
        assert_eq!(
            (result.str("dest"), host.read(&at).as_str()),
            (host.path(&at).as_str(), "one\n"),
            "{path}"
        );
        assert_eq!((result.str("mode"), result.opt_int("size")), ("0640", Some(4)), "{result:?}");
        let told = (result.opt_int("status_code"), result.str("msg"), result.str("md5sum"));
        assert_eq!(told, (Some(200), "OK (4 bytes)", "5bbf5a52328e7439ae6e719dfe712200"));
        // What is there with that name is not changed again.
        let (changed, result) = host.run("get_url", &get).await.unwrap();
        assert!(!changed || result.opt_bool("changed") == Some(false), "{path}: {result:?}");
        assert_eq!(result.str("dest"), host.path(&at), "{path}");
    }
}

#[tokio::test]
async fn a_failure_has_the_answers_status() {
    let (host, port) = (Host::new(), serve());
    let get = format!(r#"{{url: "http://127.0.0.1:{port}/none", dest: "@/got"}}"#);
    let failure = host.run("get_url", &get).await.unwrap_err();
    assert!(failure.message.starts_with("Request failed"), "{}", failure.message);
    let told = (failure.result.opt_int("status_code"), failure.result.str("response"));
    assert_eq!(told, (Some(404), "HTTP Error 404: Not Here"));
    assert!(failure.result.opt_int("elapsed").is_some());
    let failure = host.run("get_url", r#"{url: "http://127.0.0.1:1/", dest: "@/got"}"#).await.unwrap_err();
    assert_eq!(failure.result.get("status_code"), None);
    let (_, result) = host
        .run("get_url", &format!(r#"{{url: "http://127.0.0.1:{port}/a", dest: "@/got"}}"#))
        .await
        .unwrap();
    assert_eq!((result.opt_int("status_code"), result.opt_int("elapsed").is_some()), (Some(200), true));
    assert_eq!(
        (result.get("checksum_dest"), result.str("src").contains("/.fitout-")),
        (Some(&Value::Null), true)
    );
}
