package parameters_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/parameters"
)

func TestExponentialPatternsAreFound(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{`^(a+)+$`, `^(a*)*b$`, `^(a|aa)+$`, `^(\w+\s?)*$`, `^([a-z]+)*$`, `^(([a-z])+.)+[A-Z]([a-z])+$`, `(?=(a+)+$)`, `^(.*a){12}$`, `(x+x+)+y`, `^(\d+|\d+x)*$`} {
		require.Contains(t, parameters.CheckPattern(pattern), "may take exponential time", pattern)
	}
	for _, pattern := range []string{`^[a-z0-9]+(-[a-z0-9]+)*$`, `^([a-zA-Z][a-zA-Z0-9]*)(-[a-zA-Z0-9]+)*$`, `^[a-z]([-a-z0-9]*[a-z0-9])?$`, `^\d{1,3}(\.\d{1,3}){3}$`,
		`^(?!.*--)[a-z][a-z0-9-]{1,61}[a-z0-9]$`, `^https:\/\/[^\s/]+(\/[^\s/]+)*$`, `.*`, `^(foo|bar)$`, `^[A-Za-z0-9_.-]+@[a-z.]+$`, `^([a-z]+\.)*[a-z]+$`,
		`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`, ``} {
		require.Empty(t, parameters.CheckPattern(pattern), pattern)
	}
	require.Contains(t, parameters.CheckPattern(`(`), `"(" is not a regular expression`)
}
