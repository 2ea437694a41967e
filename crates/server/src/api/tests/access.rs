//! Who may ask, and how errors look.

use super::World;
use super::world::{at, click, lead, row};
use crate::api::openapi::description;
use axum::http::{Method, StatusCode};
use crumb_storage::AccessStore as _;

/// Every address of the API with each of its methods.
fn routes() -> Vec<(Method, String)> {
    let description = serde_json::to_value(description()).unwrap();
    let of_path = |(path, item): (&String, &serde_json::Value)| {
        let parts = path.split('/').map(|part| if part.starts_with('{') { "1" } else { part });
        let path = format!("/api/v1{}", parts.collect::<Vec<_>>().join("/"));
        let methods = item.as_object().unwrap().keys().map(|method| method.to_uppercase().parse().unwrap());
        methods.map(|method| (method, path.clone())).collect::<Vec<_>>()
    };
    description["paths"].as_object().unwrap().iter().flat_map(of_path).collect()
}

#[tokio::test]
async fn without_a_key_nothing_is_answered() {
    let world = World::new().await;
    let routes = routes();
    assert!(routes.len() > 40, "{routes:?}");
    for (method, route) in routes.into_iter().chain([(Method::GET, "/api/v1/nothing".to_owned())]) {
        let answer = world.ask(method.clone(), &route, None).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {route}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.json()["code"], "unauthorized");
    }
}

#[tokio::test]
async fn a_wrong_key_is_as_good_as_none() {
    let world = World::new().await;
    world.key("admin").await;
    for key in ["crumb_wrong", "crumb_admin2", "crumb_admi", "CRUMB_ADMIN"] {
        let answer = world.ask(Method::GET, "/api/v1/leads", Some(key)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{key}");
    }
}

#[tokio::test]
async fn a_key_counts_in_its_header_only() {
    let world = World::new().await;
    let key = world.key("admin").await;
    for query in
        [format!("key={key}"), format!("access_token={key}"), format!("Authorization=Bearer%20{key}")]
    {
        let answer = world.ask(Method::GET, &format!("/api/v1/leads?{query}"), None).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{query}");
    }
}

#[tokio::test]
async fn no_method_passes_without_a_key_and_no_page_of_another_origin_may_read() {
    let world = World::new().await;
    for method in [Method::HEAD, Method::OPTIONS, Method::POST, Method::TRACE] {
        let answer = world.ask(method.clone(), "/api/v1/leads", None).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method}");
        assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control")), "{method}");
    }
    let key = world.key("admin").await;
    let refused = world.ask(Method::OPTIONS, "/api/v1/leads", Some(&key)).await;
    assert_eq!((refused.status, refused.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET,HEAD"));
}

#[tokio::test]
async fn a_search_text_is_no_pattern() {
    let world = World::new().await;
    world.accept(lead(1, 1, "C8097F17")).await;
    for q in ["%25", "_", "C809%25", "________", "%27%20OR%201%3D1--", "%00", "%FF", "%20"] {
        let answer = world.get_as("admin", &format!("/api/v1/leads?q={q}")).await;
        assert_eq!((answer.status, answer.json()["total"].as_u64()), (StatusCode::OK, Some(0)), "{q}");
    }
}

#[tokio::test]
async fn a_revoked_key_stops_at_once() {
    let world = World::new().await;
    assert_eq!(world.get_as("reader", "/api/v1/leads").await.status, StatusCode::OK);
    assert!(world.installation.store.revoke_api_key("reader".to_owned(), at(1)).await.unwrap());
    let answer = world.ask(Method::GET, "/api/v1/leads", Some("crumb_reader")).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn each_role_reaches_its_collections_and_no_others() {
    let world = World::new().await;
    let of_affiliates =
        ["clicks", "conversions", "deliveries", "leads", "ledger", "pixels", "sub-affiliates?affiliate=12"]
            .as_slice();
    let of_buyers = ["leads", "ledger", "returns"].as_slice();
    let of_the_network = ["alerts", "conversion-pixels?offer=100", "held", "rejections"].as_slice();
    let of_all = [of_affiliates, of_buyers, of_the_network].concat();
    let allowed = [
        ("admin", [of_all.as_slice(), &["keys"]].concat()),
        ("manager", of_all.clone()),
        ("reader", of_all.clone()),
        ("affiliate:12", of_affiliates.to_vec()),
        ("buyer:5", of_buyers.to_vec()),
    ];
    for (role, may) in allowed {
        for collection in of_all.iter().copied().chain(["keys"]) {
            let answer = world.get_as(role, &format!("/api/v1/{collection}")).await;
            let expected = if may.contains(&collection) { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(answer.status, expected, "{role} on {collection}");
        }
    }
    for role in ["affiliate:12", "buyer:5"] {
        let key = format!("crumb_{role}");
        // Of a stream that is opened only the status comes at once.
        let stream = world.response(Method::GET, "/api/v1/events", Some(&key)).await;
        assert_eq!(stream.status(), StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn an_affiliate_sees_its_own_and_is_told_nothing_of_others() {
    let world = World::new().await;
    world.record(click(1)).await;
    world.accept(lead(2, 1, "C8097F17")).await;
    let session = format!("/api/v1/clicks/{}", world.name(row(1)));
    for path in [session.as_str(), "/api/v1/leads/C8097F17"] {
        assert_eq!(world.get_as("affiliate:12", path).await.status, StatusCode::OK);
        let other = world.get_as("affiliate:13", path).await;
        assert_eq!(other.status, StatusCode::NOT_FOUND);
    }
    for list in ["/api/v1/clicks", "/api/v1/leads"] {
        assert_eq!(world.get_as("affiliate:12", list).await.json()["total"], 1);
        assert_eq!(world.get_as("affiliate:13", list).await.json()["total"], 0);
        let others = world.get_as("affiliate:13", &format!("{list}?affiliate=12")).await;
        assert_eq!(others.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn another_affiliates_lead_is_not_there_whatever_is_asked_of_it() {
    let world = World::new().await;
    world.accept(lead(2, 1, "C8097F17")).await;
    for (path, of_its_own) in [
        ("/leads/C8097F17", StatusCode::OK),
        ("/leads/C8097F17/explain", StatusCode::FORBIDDEN),
        ("/leads/C8097F17/timeline", StatusCode::FORBIDDEN),
        ("/leads/C8097F17/returns", StatusCode::FORBIDDEN),
        ("/leads/C8097F17/statuses", StatusCode::FORBIDDEN),
        ("/conversions/C8097F17/timeline", StatusCode::NOT_FOUND),
    ] {
        let status = async |role| world.get_as(role, &format!("/api/v1{path}")).await.status;
        assert_eq!(status("affiliate:12").await, of_its_own, "{path}");
        assert_eq!(status("affiliate:13").await, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["returns", "returns/7/approve", "returns/7/refuse", "statuses"] {
        let path = format!("/api/v1/leads/C8097F17/{path}");
        assert_eq!(world.post_as("affiliate:12", &path, "{}").await.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(world.post_as("affiliate:13", &path, "{}").await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_of_its_own_kind() {
    let world = World::new().await;
    let missing = [
        "/api/v1/clicks/1",
        "/api/v1/clicks/abc",
        "/api/v1/clicks/%FF",
        "/api/v1/leads/C8097F17",
        "/api/v1/leads/x",
        "/api/v1/leads/%FF",
        "/api/v1/leads/",
        "/api/v1/leads/..%2Fkeys",
        "/api/v1/",
    ];
    for path in missing.into_iter().chain(["/api/v1/conversions/1", "/api/v1", "/nothing"]) {
        let answer = world.get_as("admin", path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.json()["code"], "not_found");
    }
    let answer = world.ask(Method::DELETE, "/api/v1/leads", Some("crumb_admin")).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.json()["code"], "method_not_allowed");
}

#[tokio::test]
async fn every_error_has_all_members_of_a_problem() {
    let world = World::new().await;
    let leads = "/api/v1/leads";
    let large = " ".repeat(65 * 1024);
    for (answer, status, code, title) in [
        (world.ask(Method::GET, leads, None).await, 401, "unauthorized", "A valid API key is needed"),
        (world.get_as("buyer:5", "/api/v1/clicks").await, 403, "forbidden", "Not allowed"),
        (world.get_as("affiliate:12", "/api/v1/keys").await, 403, "forbidden", "Not allowed"),
        (world.get_as("admin", "/api/v1/leads/C8097F17").await, 404, "not_found", "Not found"),
        (
            world.get_as("admin", "/api/v1/leads?x=1").await,
            400,
            "invalid_request",
            "The request is not valid",
        ),
        (
            world.ask(Method::DELETE, leads, Some("crumb_admin")).await,
            405,
            "method_not_allowed",
            "Method not allowed",
        ),
        (
            world.post_as("admin", "/api/v1/posting-docs", large).await,
            413,
            "payload_too_large",
            "The body is too large",
        ),
    ] {
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (status, "application/problem+json")
        );
        let problem = answer.json();
        let members: Vec<&str> = problem.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["code", "detail", "errors", "status", "title", "type"], "{problem}");
        assert_eq!(
            (&problem["status"], &problem["code"], &problem["title"]),
            (&status.into(), &code.into(), &title.into())
        );
        assert_eq!(problem["type"], format!("urn:crumb:problem:{code}"));
        assert!(!problem["detail"].as_str().unwrap().is_empty(), "{problem}");
        let places = problem["errors"].as_array().unwrap().iter();
        assert!(places.clone().all(|one| one["path"].is_string() && one["message"].is_string()), "{problem}");
        assert_eq!(places.count() > 0, status == 400, "{problem}");
    }
}

#[tokio::test]
async fn a_wrong_query_names_its_places() {
    let world = World::new().await;
    let answer =
        world.get_as("admin", "/api/v1/leads?status=lost&from=yesterday&colour=red&limit=1001").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    insta::assert_json_snapshot!(answer.json());
}

#[tokio::test]
async fn keys_are_listed_without_the_keys() {
    let world = World::new().await;
    world.key("affiliate:12").await;
    let answer = world.get_as("admin", "/api/v1/keys").await;
    insta::assert_json_snapshot!(answer.json());
}

#[tokio::test]
async fn the_description_needs_no_key() {
    let world = World::new().await;
    let answer = world.ask(Method::GET, "/api/v1/openapi.json", None).await;
    assert_eq!(answer.status, StatusCode::OK);
    let version = answer.json()["openapi"].as_str().unwrap().to_owned();
    assert!(version.starts_with("3.1"), "{version}");
}
