//! What happened in a window or a period: counts, coverage, time failing, exceptions.
//!
//! In: rows of closed days, exceptions, controls. Out: the numbers of a report. Pure.
//! Must not know: runs (a summary costs controls x days), storage, HTML.
