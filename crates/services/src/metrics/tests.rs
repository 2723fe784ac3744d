//! Scrapes of ledgers written the way the product writes them.

use super::*;
use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};
use vg_core::{Line, Modality};
use vg_testkit::ledger::{lasting, line, priced, write};

/// 2026-03-01T12:00:00Z.
const NOW: UnixMicros = UnixMicros(1_772_366_400_000_000);
const DAY: i64 = 86_400_000_000;

fn args() -> MetricsArgs {
    MetricsArgs {
        uptime_seconds: 12.5,
        providers_configured: 2,
        projects_configured: 3,
        percentiles: vec![50.0, 99.9],
        ..MetricsArgs::default()
    }
}

fn lines() -> Vec<Line> {
    let chat = |number| line(Modality::Llm, "openai/gpt-4.1", NOW, number);
    let mut odd = priced(line(Modality::Tts, "cartesia/sonic-3", NOW, 4), 2_500_000, "voice-prices@0.11.0");
    odd.project = "a \"b\"\\c".into();
    odd.tenant_id = Some("acme".into());
    let yesterday = line(Modality::Llm, "openai/gpt-4.1", UnixMicros(NOW.0 - DAY), 5);
    vec![
        lasting(priced(chat(1), 1_500_000_000_000, "voice-prices@0.11.0"), Duration::from_millis(800)),
        lasting(priced(chat(2), 250_000_000_000, "voice-prices@0.11.0"), Duration::from_millis(800)),
        line(Modality::Stt, "whisper/large", NOW, 3),
        odd,
        priced(yesterday, 9_000_000_000_000, "voice-prices@0.11.0"),
    ]
}

async fn scrape(args: &MetricsArgs) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    tokio::task::spawn_blocking({
        let path = path.clone();
        move || write(&path, lines())
    })
    .await
    .unwrap();
    let ledger = Ledger::open(path.to_str(), folder.path()).await.unwrap();
    metrics(&ledger, args, NOW).await.unwrap()
}

#[tokio::test]
async fn a_scrape_holds_the_day() {
    let circuits = vec![("openai/gpt-4.1".into(), "open")];
    let text = scrape(&MetricsArgs { circuits, ..args() }).await;
    let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    // A percentile comes from a sketch that is right within 1 %.
    let exact: Vec<&&str> = samples.iter().filter(|sample| !sample.contains("quantile")).collect();
    assert_eq!(
        exact,
        [
            &"voicegw_uptime_seconds 12.5",
            &"voicegw_providers_configured 2",
            &"voicegw_projects_configured 3",
            &r#"voicegw_circuit{model="openai/gpt-4.1",state="open"} 1"#,
            &"voicegw_cost_usd_total{period=\"today\"} 1.750002",
            &"voicegw_cost_usd_total{provider=\"cartesia\"} 0.000002",
            &"voicegw_cost_usd_total{provider=\"openai\"} 1.750000",
            &"voicegw_cost_usd_total{project=\"a \\\"b\\\"\\\\c\"} 0.000002",
            &"voicegw_cost_usd_total{project=\"default\"} 1.750000",
            &"voicegw_requests_total{provider=\"cartesia\"} 1",
            &"voicegw_requests_total{provider=\"openai\"} 2",
            &"voicegw_requests_total{provider=\"whisper\"} 1",
            &"voicegw_unpriced_requests_total 1",
            &"voicegw_request_ttfb_seconds_sum{model=\"openai/gpt-4.1\"} 0.8",
            &"voicegw_request_ttfb_seconds_count{model=\"openai/gpt-4.1\"} 2",
            &"voicegw_request_total_latency_seconds_sum{model=\"openai/gpt-4.1\"} 1.6",
            &"voicegw_request_total_latency_seconds_count{model=\"openai/gpt-4.1\"} 2",
        ]
    );
    for quantile in ["0.5", "0.999"] {
        let name =
            format!("voicegw_request_ttfb_seconds{{model=\"openai/gpt-4.1\",quantile=\"{quantile}\"}} ");
        let value = samples.iter().find_map(|sample| sample.strip_prefix(name.as_str())).unwrap();
        assert!((value.parse::<f64>().unwrap() - 0.4).abs() < 0.004, "{value}");
    }
}

#[tokio::test]
async fn each_family_is_introduced_once_and_its_samples_stand_together() {
    let text = scrape(&args()).await;
    let mut seen = Vec::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let name = help.split(' ').next().unwrap();
            assert!(!seen.contains(&name), "{name} comes twice");
            seen.push(name);
        } else if !line.starts_with('#') {
            assert!(line.starts_with(seen.last().unwrap()), "{line}");
        }
    }
    assert_eq!(seen.len(), 8);
}

#[tokio::test]
async fn a_tenants_scrape_holds_its_own() {
    let text = scrape(&MetricsArgs { tenant: Some("acme".into()), ..args() }).await;
    assert!(text.contains("voicegw_cost_usd_total{period=\"today\"} 0.000002\n"), "{text}");
    assert!(!text.contains("openai"), "{text}");
}

#[tokio::test]
async fn without_a_ledger_the_server_alone_is_told_of() {
    let text = metrics(&Ledger::Off, &args(), NOW).await.unwrap();
    assert_eq!(text.lines().filter(|line| line.starts_with("# TYPE")).count(), 3);
    assert!(!text.contains("cost"));
}

/// Prometheus's own check, where it is installed.
#[tokio::test]
async fn prometheus_finds_nothing_wrong_with_it() {
    let text = scrape(&args()).await;
    let promtool = ["promtool", "/usr/bin/promtool"].into_iter().map(Path::new).find_map(|path| {
        let mut command = Command::new(path);
        command
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().ok()
    });
    let Some(mut promtool) = promtool else { return };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    assert!(
        said.status.success(),
        "{}{}",
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr)
    );
}
