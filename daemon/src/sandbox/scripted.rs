//! What the outside said in a run, as the script of a recorded case.

use evidenced_cases::{Script, ScriptedCall, ScriptedHandshake, ScriptedPoints, ScriptedSlots};

use super::transcript::{Answer, Call, Fault, Transcript};

impl Transcript {
    /// The answers in their order. `None` if a body is not in this transcript, which happens only to those that were read
    /// back in part. Reads of inputs and state are no answers from outside: they follow from what the run is given.
    pub fn script(&self) -> Option<Script> {
        let mut script = Script::default();
        for (place, call) in self.calls.iter().enumerate() {
            match call {
                Call::Http { request, answer } => {
                    let answer = match answer {
                        // Whether a status counts is for who asks to say.
                        Answer::Ok(received) | Answer::Error(Fault::Status(received)) => {
                            Ok(self.response(place, received)?)
                        }
                        Answer::Error(fault) => Err(self.error(place, fault)?),
                    };
                    let body = match &request.body {
                        Some(digest) => Some(self.blobs.get(digest)?.to_vec()),
                        None => None,
                    };
                    script.calls.push(ScriptedCall {
                        method: request.method.clone(),
                        url: request.url.clone(),
                        body,
                        auth: Some(request.auth.clone()),
                        sent: request.headers.clone(),
                        timeout_ms: request.timeout_ms,
                        accepts: request.accept.clone(),
                        answer,
                    });
                }
                Call::Tls { host, port, answer } => {
                    let answer = match answer {
                        Answer::Ok(peers) => {
                            let mut seen = Vec::with_capacity(peers.len());
                            for peer in peers {
                                seen.push(match peer {
                                    Answer::Ok(peer) => Ok(peer.clone()),
                                    Answer::Error(fault) => Err(self.error(place, fault)?),
                                });
                            }
                            Ok(seen)
                        }
                        Answer::Error(fault) => Err(self.error(place, fault)?),
                    };
                    script.handshakes.push(ScriptedHandshake { host: host.clone(), port: *port, answer });
                }
                Call::Points { control, measurement, during, answer } => {
                    let answer = match answer {
                        Answer::Ok(digest) => Ok(serde_json::from_slice(self.blobs.get(digest)?).ok()?),
                        Answer::Error(error) => Err(error.clone()),
                    };
                    script.points.push(ScriptedPoints {
                        control: control.clone(),
                        measurement: measurement.clone(),
                        during: Some(during.clone()),
                        answer,
                    });
                }
                Call::Slots { control, during, answer } => {
                    let answer = match answer {
                        Answer::Ok(counts) => Ok(*counts),
                        Answer::Error(error) => Err(error.clone()),
                    };
                    let during = Some(during.clone());
                    script.slots.push(ScriptedSlots { control: control.clone(), during, answer });
                }
                Call::InputRead { .. }
                | Call::InputReadText { .. }
                | Call::InputOpen { .. }
                | Call::StateGet { .. }
                | Call::StateSet { .. }
                | Call::StateRemove { .. }
                | Call::StateKeys { .. } => {}
            }
        }
        Some(script)
    }
}
