package audit_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/audit"
)

// TestAnExportIsVerifiedWithoutTheDatabase: as a whole, and a part of it with the hash before.
func TestAnExportIsVerifiedWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	_, log := sealed(t)
	whole, err := log.Verify(t.Context(), audit.Check{})
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, log.Export(t.Context(), audit.Span{}, &out))
	verify := func(text string, previous []byte) audit.ExportReport {
		report, err := audit.VerifyExport(strings.NewReader(text), previous)
		require.NoError(t, err)
		return report
	}
	require.Equal(t, audit.ExportReport{Events: 12, Head: whole.Head}, verify(out.String(), nil))

	lines := slices.Collect(strings.Lines(out.String()))
	first, rest := strings.Join(lines[:5], ""), strings.Join(lines[5:], "")
	before := unhex(t, verify(first, nil).Head)
	require.Equal(t, audit.ExportReport{Events: 7, Head: whole.Head}, verify(rest, before))
	require.Equal(t, 1, verify(rest, nil).Broken, "it does not begin the chain")

	for name, changed := range map[string]string{
		"a changed event": strings.Replace(out.String(), `"resource":"1.2"`, `"resource":"1.9"`, 1),
		"a lost event":    strings.Join(slices.Concat(lines[:6], lines[7:]), ""),
		"another order":   strings.Join(slices.Concat(lines[:6], lines[7:8], lines[6:7], lines[8:]), ""),
		"another line":    strings.Join(lines[:6], "") + "{}\n",
		"a longer line":   strings.Replace(out.String(), lines[6], strings.TrimSuffix(lines[6], "\n")+" \n", 1),
	} {
		require.Equal(t, 7, verify(changed, nil).Broken, name)
	}
	_, err = audit.VerifyExport(strings.NewReader(strings.Repeat("x", 2<<20)), nil)
	require.ErrorContains(t, err, "line 1 of the export")
}
