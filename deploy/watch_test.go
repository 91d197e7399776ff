// Package deploy_test checks the dashboard and the alerts against the code's metrics and the documentation.
package deploy_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/portico-dev/portico/telemetry"
)

// alert is a rule of alerts.yaml.
type alert struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	Annotations map[string]string `yaml:"annotations"`
}

func alerts(t *testing.T) []alert {
	t.Helper()
	content, err := os.ReadFile("prometheus/alerts.yaml")
	require.NoError(t, err)
	var file struct {
		Groups []struct {
			Rules []alert `yaml:"rules"`
		} `yaml:"groups"`
	}
	require.NoError(t, yaml.Unmarshal(content, &file))
	require.NotEmpty(t, file.Groups)
	return file.Groups[0].Rules
}

// expressions are those of the dashboard's panels and of the alerts, by what has them.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	content, err := os.ReadFile("grafana/portico.json")
	require.NoError(t, err)
	var dashboard struct {
		Panels []struct {
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	require.NoError(t, json.Unmarshal(content, &dashboard))
	all := map[string]string{}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			all[panel.Title] += target.Expr + "\n"
		}
	}
	require.NotEmpty(t, all)
	for _, rule := range alerts(t) {
		all[rule.Alert] = rule.Expr
	}
	return all
}

// series are the names of the metrics of Portico and Go. Package e2e checks Temporal's with a real scrape.
func series(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, m := range telemetry.Metrics() {
		for _, name := range m.Series() {
			names[name] = true
		}
	}
	process, err := telemetry.New(t.Context(), telemetry.Options{Metrics: true})
	require.NoError(t, err)
	answer := httptest.NewRecorder()
	process.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	families, err := (&expfmt.TextParser{}).TextToMetricFamilies(answer.Body)
	require.NoError(t, err)
	for name := range families {
		names[name] = true
	}
	return names
}

// metricName is a metric in an expression, with whatever aggregation stands right before it.
var metricName = regexp.MustCompile(`((?:max|min|sum)(?: by \([a-z_, ]+\))? ?\(|)\b((?:portico|http_server|http_client|go|process)_[a-z0-9_]+)`)

func TestDashboardAndAlertsUseExportedMetrics(t *testing.T) {
	t.Parallel()
	exported := series(t)
	ofInstallation := map[string]bool{}
	for _, m := range telemetry.Metrics() {
		ofInstallation[m.Name] = m.Scope == telemetry.OfInstallation
	}
	for where, expression := range expressions(t) {
		for _, match := range metricName.FindAllStringSubmatch(expression, -1) {
			require.True(t, exported[match[2]], "%s asks for %s, which is not exported", where, match[2])
			if ofInstallation[match[2]] {
				require.True(t, strings.HasPrefix(match[1], "max"), "%s counts %s once for each process: take its max", where, match[2])
			}
		}
	}
}

func TestEveryAlertIsTestedAndExplained(t *testing.T) {
	t.Parallel()
	tests, err := os.ReadFile("prometheus/alerts_test.yaml")
	require.NoError(t, err)
	page, err := os.ReadFile("../docs/observability.md")
	require.NoError(t, err)
	for _, rule := range alerts(t) {
		require.Contains(t, string(tests), "name: "+rule.Alert+" fires\n")
		require.Contains(t, string(tests), "name: "+rule.Alert+" stays silent\n")
		require.Contains(t, string(page), "\n### "+rule.Alert+"\n")
		require.True(t, strings.HasSuffix(rule.Annotations["runbook_url"], "docs/observability.md#"+strings.ToLower(rule.Alert)), rule.Alert)
	}
}
