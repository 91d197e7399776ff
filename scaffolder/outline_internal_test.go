package scaffolder

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/template"
)

func TestTheOutlineFitsTemporalsLimit(t *testing.T) {
	t.Parallel()
	steps := make([]template.Step, 500)
	for i := range steps {
		steps[i] = template.Step{Name: "Log <it>", Action: "debug:log"}
	}
	told := outline(steps)
	require.Less(t, len(told), maxOutline+100)
	require.True(t, strings.HasSuffix(told, "… and 389 more\n"), told[len(told)-100:])
	require.Equal(t, "… and 1 more\n", outline([]template.Step{{Name: strings.Repeat("x", maxOutline)}}))
}
