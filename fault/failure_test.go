package fault_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
)

func TestTextsOfAFailureAreTruncated(t *testing.T) {
	t.Parallel()
	short := &fault.Failure{Name: "Error", Message: strings.Repeat("é", 20), Advice: "Wait."}
	require.Equal(t, short, short.Cut(40))
	require.Equal(t, &fault.Failure{Name: "Error", Message: "éééé… (cut)", Advice: "Wait."}, short.Cut(18))
	require.Nil(t, (*fault.Failure)(nil).Cut(18))
	for _, text := range []string{strings.Repeat("x", 5000), strings.Repeat("漢", 5000), strings.Repeat("é", 1000) + "x"} {
		for size := 100; size < 104; size++ {
			cut := (&fault.Failure{Name: text, Message: text, Advice: text}).Cut(size)
			require.Equal(t, &fault.Failure{Name: cut.Name, Message: cut.Name, Advice: cut.Name}, cut)
			require.LessOrEqual(t, len(cut.Name), size)
			require.True(t, utf8.ValidString(cut.Name))
			require.True(t, strings.HasSuffix(cut.Name, "… (cut)"))
			require.True(t, strings.HasPrefix(text, strings.TrimSuffix(cut.Name, "… (cut)")))
		}
	}
}
