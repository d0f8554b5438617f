//! A small company in a box, observed for 90 days in less than a minute.
