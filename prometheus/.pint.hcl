# pint, a linter of rules: `pint --config prometheus/.pint.hcl --offline lint prometheus`

parser {
  include = ["prometheus/rules/.*", "prometheus/targets.yml"]
}

# Waived: targets are constants, so it does not matter when they were read; and over hours, 15 seconds more or less
# of a wait do not matter, while a window of days need not be computed four times a minute.
check "rule/dependency" {
  ignoreGroupMismatch = ["contact_center:.*", "queue:contact_center_[a-z_]+:(max|met)"]
}

rule {
  match {
    kind = "alerting"
  }
  label "severity" {
    values   = ["critical", "warning", "info"]
    required = true
    severity = "bug"
  }
  label "scope" {
    values   = ["queue", "agent", "account", "exporter"]
    required = true
    severity = "bug"
  }
  annotation "summary|description" {
    required = true
    severity = "bug"
  }
  annotation "runbook_url" {
    value    = "(?s).*docs/runbooks.md.*#[a-z]+"
    required = true
    severity = "bug"
  }
}

# An account stays the same wherever it is polled.
rule {
  match {
    kind = "recording"
  }
  aggregate ".*" {
    strip    = ["instance", "job"]
    severity = "bug"
  }
  name "(account|agent|endpoint|queue):contact_center_[a-z_]+:[a-z0-9_]+|contact_center:[a-z_]+:(bool|contacts|hours|info|ratio|seconds)" {
    severity = "bug"
  }
}
