//! The direct-linking scripts as the tracking domain serves them; what they do in a page is
//! tested in a browser.

use crumb_testkit::{Request, Server, network};
use crumb_wire::script::{CONVERSION_JS, DIRECT_LINK_JS};
use http::Method;

const SCRIPTS: [(&str, &str); 2] = [("/dl.js", DIRECT_LINK_JS), ("/cv.js", CONVERSION_JS)];

#[tokio::test]
async fn the_scripts_of_direct_linking_are_served_and_cached_like_the_form_library() {
    let server = Server::start(network::SMALL).await;
    let library = server.tracking.get("/d.js").await;
    assert_eq!(library.header("content-type"), "application/javascript; charset=utf-8");
    for (path, script) in SCRIPTS {
        for asked in [path.to_owned(), format!("{path}?days=7&touch=last"), path.to_ascii_uppercase()] {
            let reply = server.tracking.get(&asked).await;
            assert_eq!((reply.status.as_u16(), reply.text().as_str()), (200, script), "{asked}");
            for header in
                ["content-type", "cache-control", "x-content-type-options", "access-control-allow-origin"]
            {
                assert_eq!(reply.header(header), library.header(header), "{asked} {header}");
            }
            assert_eq!(reply.header("cache-control"), "public, max-age=3600");
            assert!(reply.cookies().is_empty(), "it makes nobody a visitor");
        }
    }
}

#[tokio::test]
async fn head_of_a_script_is_its_headers_and_other_methods_are_refused() {
    let server = Server::start(network::SMALL).await;
    for (path, script) in SCRIPTS {
        let head = server.tracking.send(Request::of(Method::HEAD, path)).await;
        assert_eq!((head.status.as_u16(), head.text().as_str()), (200, ""));
        assert_eq!(head.header("content-length"), script.len().to_string());
        let post = server.tracking.send(Request::of(Method::POST, path)).await;
        assert_eq!((post.status.as_u16(), post.header("allow")), (405, "GET, HEAD"));
    }
}
