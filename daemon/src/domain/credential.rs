//! How a source is spoken to: what proves who asks, and how often it may be asked.

use serde::{Deserialize, Serialize};
use std::{path::PathBuf, time::Duration};

use super::{AddressRange, CredentialId};

/// How a secret is put on a request, or what it is exchanged for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialKind {
    /// The secret is the value of this header.
    Header { name: String },
    /// The secret is the token of `authorization: Bearer` (RFC 6750).
    Bearer,
    /// The secret is the password, or `user:password` when no username is configured (RFC 7617).
    Basic { username: Option<String> },
    /// The secret is the password of a database or a directory, whose source says who asks.
    Password,
    /// The secret is `ACCESS_KEY_ID:SECRET_ACCESS_KEY`, with `:SESSION_TOKEN` behind it if there is one, or the JSON that
    /// `aws configure export-credentials` prints; the secret access key alone when the key's id is configured.
    AwsSigv4 { access_key_id: Option<String> },
    /// Signs as `AwsSigv4` with a key that STS gives; there is no secret of its own.
    AwsAssumeRole(AssumedRole),
    /// Signs as `AwsSigv4` with a key that the machine's platform gives; there is no secret.
    AwsInstance(InstanceRole),
    /// The secret is the client's; the host gets bearer tokens with it (RFC 6749, section 4.4).
    Oauth2Client(Oauth2Client),
    /// The secret is the account's key in JSON; the host gets bearer tokens with it (RFC 7523).
    GoogleServiceAccount(ServiceAccount),
    /// The secret is the app's private key in PEM; the host gets bearer tokens of one installation with it.
    GithubApp(GithubApp),
    /// The secret is a private key in PEM, with the chain of its certificates when no file of these is configured.
    ClientCertificate { certificate: Option<PathBuf> },
}

impl CredentialKind {
    /// As `kind =` is written.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Header { .. } => "header",
            Self::Bearer => "bearer",
            Self::Basic { .. } => "basic",
            Self::Password => "password",
            Self::AwsSigv4 { .. } => "aws-sigv4",
            Self::AwsAssumeRole(_) => "aws-assume-role",
            Self::AwsInstance(_) => "aws-instance",
            Self::Oauth2Client(_) => "oauth2-client",
            Self::GoogleServiceAccount(_) => "google-service-account",
            Self::GithubApp(_) => "github-app",
            Self::ClientCertificate { .. } => "client-certificate",
        }
    }

    /// Whether the host asks somebody for what it then puts on requests.
    pub const fn is_fetched(&self) -> bool {
        match self {
            Self::AwsAssumeRole(_)
            | Self::AwsInstance(_)
            | Self::Oauth2Client(_)
            | Self::GoogleServiceAccount(_)
            | Self::GithubApp(_) => true,
            Self::Header { .. }
            | Self::Bearer
            | Self::Basic { .. }
            | Self::Password
            | Self::AwsSigv4 { .. }
            | Self::ClientCertificate { .. } => false,
        }
    }

    /// Whether it signs requests for AWS.
    pub const fn is_aws(&self) -> bool {
        matches!(self, Self::AwsSigv4 { .. } | Self::AwsAssumeRole(_) | Self::AwsInstance(_))
    }
}

/// Whom the host asks for a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenPlace {
    /// https, or http on this machine.
    pub url: String,
    /// Private, loopback or link-local ranges that its name may resolve to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressRange>,
}

/// A client of an authorization server that acts for itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oauth2Client {
    pub place: TokenPlace,
    pub client_id: String,
    pub scopes: Vec<String>,
    pub audience: Option<String>,
    pub client_auth: ClientAuth,
}

/// How a client shows its secret (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuth {
    /// As user and password of the request.
    #[default]
    Basic,
    /// As `client_id` and `client_secret` in the body.
    Post,
}

/// A role of AWS, taken on with another credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssumedRole {
    /// One that signs for AWS.
    pub from: CredentialId,
    pub role_arn: String,
    pub external_id: Option<String>,
    /// What the calls are known by in CloudTrail.
    pub session_name: String,
    pub region: String,
    /// 15 minutes to 12 hours.
    pub duration: Duration,
    /// STS.
    pub place: TokenPlace,
}

/// The role that the machine or the container runs with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceRole {
    /// The metadata service of EC2, version 2.
    Metadata(TokenPlace),
    /// Where the variables `AWS_CONTAINER_…` of the environment say: ECS, and EKS with Pod Identity.
    Container,
    /// The token in `AWS_WEB_IDENTITY_TOKEN_FILE`, shown to STS: EKS with a role for a service account.
    WebIdentity { session_name: String, place: TokenPlace },
}

/// A service account of Google Cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccount {
    pub scopes: Vec<String>,
    /// The user that it acts for (domain-wide delegation).
    pub subject: Option<String>,
    /// `None`: the `token_uri` of the key.
    pub token_url: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressRange>,
}

/// One installation of an app of GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GithubApp {
    /// The id of the app, or of its client.
    pub app_id: String,
    pub installation_id: u64,
    /// The API, to which `/app/installations/…` is added.
    pub place: TokenPlace,
}

/// So many requests in that time, such as `10/s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// At least 1.
    pub requests: u32,
    pub per: Duration,
}
