//! Events of CloudTrail in compressed objects: how fast a run is given its own out of all of them, and in how much memory.
//!
//! One gigabyte of JSON a round.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use evidenced::{
    clock::stopwatch,
    domain::{EventField, EventFilter, EventFormat, EventInterval, EventTest, EventsSpec, Timestamp},
    runner::events::{Asked, Halt, read},
};
use flate2::{Compression, write::GzEncoder};
use tokio_util::sync::CancellationToken;

use crate::{Bench, figure::Figures};

/// Of JSON, in each round.
const BYTES: u64 = 1 << 30;
/// As CloudTrail writes them for a busy account.
const RECORDS: u64 = 4_000;
/// Between two events.
const APART: Duration = Duration::from_millis(20);

pub(crate) fn measure(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let folder = bench.folder("trail")?;
    let from: Timestamp = "2026-03-02T00:00:00Z".parse()?;
    let written = write_objects(&folder, from, BYTES * u64::from(bench.rounds))?;
    // An hour's interval, of which the reads of one bucket are kept.
    let middle = from.plus(APART * u32::try_from(written.events / 2)?);
    let spec = EventsSpec {
        globs: vec![folder.join("**/*.json.gz").display().to_string()],
        format: EventFormat::Cloudtrail,
        time: EventField::Pointer("/eventTime".to_owned()),
        timezone: None,
        header: false,
        filter: vec![EventFilter {
            field: EventField::Pointer("/requestParameters/bucketName".to_owned()),
            test: EventTest::Equals("training-data-3".to_owned()),
        }],
    };
    let asked = Asked {
        spec: &spec,
        interval: EventInterval { from: middle, until: middle.plus(Duration::from_secs(3600)) },
        bytes_max: 32 << 20,
        by_this_clock: false,
        halt: Halt { since: stopwatch(), wall: Duration::from_secs(3600), stop: CancellationToken::new() },
    };
    // From here on the kernel counts the most memory anew.
    fs::write("/proc/self/clear_refs", "5").ok();
    let before = status("VmRSS")?;
    let watch = stopwatch();
    let events = read(&asked)?;
    let took = watch.elapsed().as_secs_f64();
    ensure!(events.counts.lines == written.events, "{} events of {}", events.counts.lines, written.events);
    ensure!(events.counts.lines_kept > 0, "no event was kept");
    figures.high("events.cloudtrail", written.json_bytes as f64 / 1e6 / took, "MB/s", None);
    figures.high("events.cloudtrail.events", written.events as f64 / took, "events/s", None);
    figures.low("events.memory", status("VmHWM")?.saturating_sub(before) as f64 / 1024.0, "MiB", None);
    fs::remove_dir_all(&folder).ok();
    Ok(())
}

struct Written {
    events: u64,
    json_bytes: u64,
}

/// Objects as CloudTrail lays them down, one folder a day.
fn write_objects(folder: &Path, from: Timestamp, bytes: u64) -> Result<Written> {
    let mut written = Written { events: 0, json_bytes: 0 };
    let mut json = String::new();
    while written.json_bytes < bytes {
        let first = from.plus(APART * u32::try_from(written.events)?);
        let day = folder.join(first.to_string()[..10].replace('-', "/"));
        fs::create_dir_all(&day)?;
        let path = day.join(format!("123456789012_CloudTrail_us-east-1_{:08}.json.gz", written.events));
        let file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let mut object = GzEncoder::new(BufWriter::new(file), Compression::fast());
        json.clear();
        json.push_str("{\"Records\":[");
        for number in written.events..written.events + RECORDS {
            if number > written.events {
                json.push(',');
            }
            record(&mut json, number, from.plus(APART * u32::try_from(number)?))?;
        }
        json.push_str("]}");
        object.write_all(json.as_bytes())?;
        object.finish()?.flush()?;
        written.events += RECORDS;
        written.json_bytes += json.len() as u64;
    }
    Ok(written)
}

/// A read of an object, with everything that CloudTrail says of one.
fn record(json: &mut String, number: u64, at: Timestamp) -> Result<()> {
    // No two are alike, and no compression finds more in them than in real ones.
    let id = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (user, bucket) = (id % 97, id % 13);
    write!(
        json,
        "{{\"eventVersion\":\"1.11\",\"userIdentity\":{{\"type\":\"AssumedRole\",\"principalId\":\"AROAEXAMPLE{user:05}:\
         session-{id:016x}\",\"arn\":\"arn:aws:sts::123456789012:assumed-role/trainer-{user}/session-{id:016x}\",\
         \"accountId\":\"123456789012\",\"accessKeyId\":\"ASIA{id:016X}\",\"sessionContext\":{{\"sessionIssuer\":{{\"type\":\
         \"Role\",\"principalId\":\"AROAEXAMPLE{user:05}\",\"arn\":\"arn:aws:iam::123456789012:role/trainer-{user}\",\
         \"accountId\":\"123456789012\",\"userName\":\"trainer-{user}\"}},\"attributes\":{{\"creationDate\":\"{at}\",\
         \"mfaAuthenticated\":\"false\"}}}}}},\"eventTime\":\"{at}\",\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\
         \"GetObject\",\"awsRegion\":\"us-east-1\",\"sourceIPAddress\":\"10.{user}.{bucket}.7\",\"userAgent\":\
         \"[aws-sdk-py/1.40 \\\"quoted\\\" md/Botocore#1.40]\",\"requestParameters\":{{\"bucketName\":\
         \"training-data-{bucket}\",\"Host\":\"training-data-{bucket}.s3.us-east-1.amazonaws.com\",\"key\":\
         \"shards/{id:016x}.parquet\"}},\"responseElements\":null,\"additionalEventData\":{{\"SignatureVersion\":\"SigV4\",\
         \"CipherSuite\":\"TLS_AES_128_GCM_SHA256\",\"bytesTransferredIn\":0,\"AuthenticationMethod\":\"AuthHeader\",\
         \"x-amz-id-2\":\"{id:032x}\",\"bytesTransferredOut\":{}}},\"requestID\":\"{id:016X}\",\"eventID\":\
         \"{:08x}-0000-4000-8000-{number:012}\",\"readOnly\":true,\"resources\":[{{\"type\":\"AWS::S3::Object\",\"ARN\":\
         \"arn:aws:s3:::training-data-{bucket}/shards/{id:016x}.parquet\"}}],\"eventType\":\"AwsApiCall\",\
         \"managementEvent\":false,\"recipientAccountId\":\"123456789012\",\"eventCategory\":\"Data\"}}",
        id >> 40,
        id as u32,
    )?;
    Ok(())
}

/// A line of what the kernel says of this process, in KiB.
fn status(name: &str) -> Result<u64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find(|line| line.starts_with(name)).context("the kernel does not say")?;
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).context("the kernel says no number")
}
