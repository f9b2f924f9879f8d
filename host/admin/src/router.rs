//! All routes, and the document that describes them.

use crate::app::App;
use crate::problem::{self, Details, Problem};
use crate::{guard, routes};
use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, InfoBuilder, LicenseBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::openapi::{OpenApi, OpenApiBuilder, Server};
use utoipa::{PartialSchema as _, ToSchema as _};
use utoipa_axum::router::OpenApiRouter;

const ABOUT: &str = "Sets up and watches a Cordboard host.\n\nEvery document has a revision, told as `ETag`. `If-Match: \
                     \"N\"` makes a change only if the document still has revision N, `If-None-Match: *` only if \
                     there is none; otherwise the answer is 412. A change is durable when it is answered, and holds \
                     for the next contact. Who changes a deployment names itself in `Cordboard-Operator` (1 to 64 visible \
                     ASCII characters, not `cordboard`). Members that are not known are refused. Every answer that isn't success \
                     is problem details (RFC 9457) with a stable `code`.";

/// All routes, still without what surrounds them.
fn all() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(routes::plugins::router())
        .merge(routes::grants::router())
        .merge(routes::deployments::router())
        .merge(routes::canaries::router())
        .merge(routes::shadows::router())
        .merge(routes::history::router())
        .merge(routes::entry_points::router())
        .merge(routes::queues::router())
        .merge(routes::agents::router())
        .merge(routes::trunks::router())
        .merge(routes::settings::router())
        .merge(routes::prompts::router())
        .merge(routes::contacts::router())
        .merge(routes::journal::router())
        .merge(routes::notes::router())
        .merge(routes::backtests::router())
        .merge(routes::decisions::router())
        .merge(routes::events::router())
        .merge(routes::host::router())
}

/// The service.
pub(crate) fn router(app: App) -> Router {
    let (router, _) = all().split_for_parts();
    router
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(middleware::from_fn_with_state(app.clone(), guard::guard))
        .layer(CatchPanicLayer::custom(guard::panicked))
        .with_state(app)
}

async fn no_route(uri: Uri) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no-route", format!("there is no route {}", uri.path()))
}

async fn no_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} can't be asked with {method}", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "no-method", detail)
}

/// The OpenAPI 3.1 document, as it is served and tracked: indented JSON that ends with a newline.
pub fn openapi() -> String {
    let mut text = document().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

fn document() -> OpenApi {
    let about = InfoBuilder::new()
        .title("Cordboard admin API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()));
    let own = OpenApiBuilder::new()
        .info(about.build())
        .servers(Some([Server::new("/")]))
        .security(Some([SecurityRequirement::new("token", Vec::<String>::new())]))
        .build();
    let mut document = OpenApiRouter::<App>::with_openapi(own).merge(all()).into_openapi();
    let components = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("The admin token."));
    components.security_schemes.insert("token".into(), RefOr::T(SecurityScheme::Http(bearer.build())));
    components.schemas.insert(Details::name().into_owned(), Details::schema());
    for (path, item) in &mut document.paths.paths {
        let open = guard::OPEN.contains(&path.as_str());
        for operation in operations(item) {
            describe(operation);
            refusals(path, open, operation);
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().flatten()
}

/// OpenAPI wants a description of every answer; those that only carry what was asked for have none of their own.
fn describe(operation: &mut Operation) {
    for answer in operation.responses.responses.values_mut() {
        if let RefOr::T(answer) = answer
            && answer.description.is_empty()
        {
            answer.description = "Done: this is how it is now.".to_owned();
        }
    }
}

/// Adds the refusals that follow from an operation's form, so that no handler repeats them.
fn refusals(path: &str, open: bool, operation: &mut Operation) {
    let body = operation.request_body.is_some();
    let parameters = operation.parameters.as_ref().is_some_and(|parameters| !parameters.is_empty());
    let mut add = |status: &str, description: &str| {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(refusal(description)));
    };
    if !open {
        add("401", "There is no token, or a wrong one.");
    }
    if path.contains('{') {
        add("404", "There is nothing of this name.");
    }
    if parameters || body {
        add("422", "Something in it can't be used: `code` and `field` say what.");
    }
    if body {
        add("400", "The body is malformed.");
        add("413", "The body is too large.");
        add("415", "The body is of another media type.");
    }
    add("default", "Any other refusal.");
}

fn refusal(description: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Details::name()))).build();
    ResponseBuilder::new().description(description).content(problem::CONTENT_TYPE, content).build()
}

#[cfg(test)]
mod tests {
    use super::{all, document};
    use std::collections::BTreeSet;

    #[test]
    fn every_route_is_in_the_document() {
        // axum tells of its routes in this form only; the two it makes for the fallback are in it.
        let shown = format!("{:?}", all().split_for_parts().0);
        let routes = shown.split('"').filter(|text| text.starts_with('/'));
        let routed: BTreeSet<&str> =
            routes.filter(|text| !["/", "/{*__private__axum_fallback}"].contains(text)).collect();
        let document = document();
        let documented: BTreeSet<&str> = document.paths.paths.keys().map(String::as_str).collect();
        assert!(routed.len() > 25, "{shown}");
        assert_eq!(routed, documented);
    }
}
