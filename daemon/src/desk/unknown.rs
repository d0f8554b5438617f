use crate::domain::{ControlId, WindowId, nearest};

/// What was asked about does not exist.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unknown(pub(super) String);

impl Unknown {
    /// No control has this id; `known` are those that there are.
    pub fn control<'c>(id: &ControlId, known: impl IntoIterator<Item = &'c ControlId>) -> Self {
        let known: Vec<_> = known.into_iter().map(ControlId::as_str).collect();
        Self(match nearest(id.as_str(), known.iter().copied()) {
            Some(meant) => format!("there is no control {id}; did you mean {meant}?"),
            None if known.is_empty() => format!("there is no control {id}, nor any other yet"),
            None => format!("there is no control {id}; `evidenced status` lists those that there are"),
        })
    }

    /// No window has this id; `known` are those that there are.
    pub fn window<'w>(id: &WindowId, known: impl IntoIterator<Item = &'w WindowId>) -> Self {
        let known: Vec<_> = known.into_iter().map(WindowId::as_str).collect();
        Self(match known.as_slice() {
            [] => format!("there is no window {id}, nor any other: the configuration has no [[window]]"),
            known => format!("there is no window {id}; there are: {}", known.join(", ")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_control_is_answered_with_the_nearest() {
        let known: Vec<ControlId> = ["AVL-01/iris", "SEC-01"].map(|id| id.parse().unwrap()).to_vec();
        let words = |id: &str| Unknown::control(&id.parse().unwrap(), &known).to_string();
        assert_eq!(words("AVL-01/iri"), "there is no control AVL-01/iri; did you mean AVL-01/iris?");
        assert_eq!(words("GOV-7"), "there is no control GOV-7; `evidenced status` lists those that there are");
        assert_eq!(Unknown::control(&known[0], []).to_string(), "there is no control AVL-01/iris, nor any other yet");
    }
}
