//! The key of a container's role, from where the variables of its environment say: ECS, and EKS with Pod Identity.

use evidenced_contract::HttpError;
use http::header;
use std::{env, net::IpAddr, path::PathBuf};
use url::{Host, Url};

use super::{
    Given,
    ask::{Asking, Question, no_token},
    instance,
};
use crate::{
    domain::{AddressRange, CredentialId},
    gate::credential::add,
    secret::Secret,
};

/// Where a relative URI leads to.
const ECS: &str = "http://169.254.170.2";

/// Where http is spoken, besides this machine: the agents of ECS and of EKS.
const AGENTS: [&str; 4] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23", "127.0.0.0/8"];

/// What a platform has put into the environment (AWS SDKs and Tools Reference, "Container credential provider").
struct Container {
    url: Url,
    authorization: Option<Authorization>,
}

enum Authorization {
    File(PathBuf),
    Text(Secret),
}

pub(super) async fn given(id: &CredentialId, asking: &Asking<'_>) -> Result<Given, HttpError> {
    let container = Container::of(|name| env::var(name).ok()).map_err(|why| no_token(id, why))?;
    let addresses = agents();
    let mut question = Question::get(container.url);
    let authorization = match container.authorization {
        Some(Authorization::File(path)) => Some(instance::read_file(id, &path).await?),
        Some(Authorization::Text(text)) => Some(text),
        None => None,
    };
    if let Some(authorization) = authorization {
        add(&mut question.headers, header::AUTHORIZATION, authorization.expose())?;
        question.confided.push(authorization);
    }
    instance::key(id, &asking.ask(id, &addresses, question).await?)
}

impl Container {
    fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self, &'static str> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let url = match variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            Some(path) => Url::parse(ECS).and_then(|ecs| ecs.join(&path)),
            None => Url::parse(&variable("AWS_CONTAINER_CREDENTIALS_FULL_URI").ok_or(
                "the environment has no AWS_CONTAINER_CREDENTIALS_FULL_URI and no …_RELATIVE_URI: give the container a role",
            )?),
        };
        let url = url.map_err(|_| "AWS_CONTAINER_CREDENTIALS_FULL_URI is no URL")?;
        if url.scheme() != "https" && !is_agent(&url) {
            return Err("AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor of an agent of AWS");
        }
        let file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(|file| Authorization::File(file.into()));
        let text = || variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(|text| Authorization::Text(Secret::new(text)));
        Ok(Self { url, authorization: file.or_else(text) })
    }
}

fn agents() -> Vec<AddressRange> {
    AGENTS.iter().filter_map(|range| range.parse().ok()).collect()
}

fn is_agent(url: &Url) -> bool {
    let address: IpAddr = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        Some(Host::Domain(_)) | None => return false,
    };
    url.scheme() == "http" && agents().iter().any(|agent| agent.contains(address))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Container, &'static str> {
        let value =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Container::of(value)
    }

    const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";

    #[test]
    fn the_environment_of_ecs_and_of_eks_is_read() {
        let ecs = of(&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1-2-3")]).unwrap();
        assert_eq!(ecs.url.as_str(), "http://169.254.170.2/v2/credentials/1-2-3");
        assert!(ecs.authorization.is_none());
        let file = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token";
        let eks = of(&[
            (FULL, "http://169.254.170.23/v1/credentials"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "not this one"),
        ])
        .unwrap();
        assert!(matches!(eks.authorization, Some(Authorization::File(path)) if path == Path::new(file)));
    }

    #[test]
    fn a_key_is_got_in_the_clear_from_an_agent_alone() {
        for url in ["http://127.0.0.1:9000/k", "http://[fd00:ec2::23]/v1/credentials", "https://keys.example.com/"] {
            assert!(of(&[(FULL, url)]).is_ok(), "{url}");
        }
        for url in ["http://keys.example.com/", "http://169.254.169.254/", "http://169.254.170.24/", "ftp://127.0.0.1/"]
        {
            assert!(of(&[(FULL, url)]).is_err(), "{url}");
        }
        assert!(of(&[]).is_err());
        assert!(of(&[(FULL, "not a url")]).is_err());
    }
}
