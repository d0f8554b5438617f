//! Both kinds of plugin, end to end.

use super::{testing::*, *};

#[tokio::test]
async fn a_component_reports() {
    let result = run_body("(global.get $report)").await;
    let Ended::Report(report) = &result.ended else { panic!("{}", result.ended) };
    assert_eq!((report.population, report.findings.len(), report.findings[0].subject.as_str()), (1, 1, "a"));
    assert_eq!(report.findings[0].measurements[0].value, 1.0);
    assert_eq!(result.ended.reason(), None);
    assert!(result.peak_memory >= 2 << 16);
}

#[tokio::test]
async fn a_component_fails_with_its_kind() {
    let result = run_body("(global.get $failure)").await;
    assert_eq!(result.ended.to_string(), "denied: no");
    assert_eq!(result.ended.reason(), Some(crate::domain::RunReason::Denied));
}
