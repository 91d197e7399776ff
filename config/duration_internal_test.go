package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDurationForms(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"PT30M": 30 * time.Minute, "P1D": 24 * time.Hour, "P1Y2M3W4DT5H6M7S": 365*day + 60*day + 21*day + 4*day + 5*time.Hour + 6*time.Minute + 7*time.Second,
		"PT0.5S": 500 * time.Millisecond, "PT1,5H": 90 * time.Minute, "PT0S": 0,
		"30 seconds": 30 * time.Second, "1d": 24 * time.Hour, "2.5 hrs": 150 * time.Minute, "10MS": 10 * time.Millisecond,
		"1y": year, "3 weeks": 3 * week, " 5m ": 5 * time.Minute, ".5s": 500 * time.Millisecond,
	} {
		got, err := parseDuration(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "30", "P", "PT", "P1", "-1s", "-PT1S", "1 fortnight", "1h30m", "999999y", "P99999999Y", "1.2.3s"} {
		_, err := parseDuration(text)
		require.Error(t, err, text)
	}
}

func TestFalseTurnsSomeDurationsOff(t *testing.T) {
	t.Parallel()
	for key, problems := range map[string]int{"catalog: {processingInterval: false}": 0, "portico: {run: {stepTimeout: false}}": 1} {
		read, err := parseYAML("test.yaml", []byte(key))
		require.NoError(t, err)
		checker := &checker{}
		checker.check(rootSchema(), read, "")
		require.Len(t, checker.problems, problems, key)
	}
}

func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"PT30M", "1d", "2.5 hrs", "P1Y", "P"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := parseDuration(text); err == nil {
			require.GreaterOrEqual(t, got, time.Duration(0))
		}
	})
}
