package policytest

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
)

// Caller is a column of a table of methods.
type Caller struct {
	Name      string
	Principal identity.Principal
}

// Method is a row of a table of methods: a call of the method, and what each caller gets, in their order:
//
//	yes     it did something, or got past the decision: what is wrong with the request is told then
//	none    nothing was found
//	absent  a fault of kind NotFound
//	no      a fault of kind NotAllowed
type Method struct {
	// Call returns how many things it found, 1 for a command.
	Call     func(t *testing.T, principal identity.Principal) (found int, err error)
	Expected string
}

// EveryMethodAnswers calls each exported method of a service for each caller, and compares the answers with the
// table. A method without a row fails; the open ones, by name, need none.
func EveryMethodAnswers(t *testing.T, service any, open []string, callers []Caller, table map[string]Method) {
	t.Helper()
	for method := range reflect.TypeOf(service).Methods() {
		if !slices.Contains(open, method.Name) {
			require.Contains(t, table, method.Name, "it has no row in the table of methods and callers")
		}
	}
	for name, row := range table {
		_, exists := reflect.TypeOf(service).MethodByName(name)
		require.True(t, exists, name)
		var answers []string
		for _, caller := range callers {
			found, err := row.Call(t, caller.Principal)
			answers = append(answers, answer(t, name+" of "+caller.Name, found, err))
		}
		require.Equal(t, strings.Join(strings.Fields(row.Expected), " "), strings.Join(answers, " "), name)
	}
}

func answer(t *testing.T, what string, found int, err error) string {
	t.Helper()
	switch kind := fault.KindOf(err); {
	case err == nil && found == 0:
		return "none"
	case err == nil || kind == fault.Conflict || kind == fault.Input:
		return "yes"
	case kind == fault.NotAllowed:
		return "no"
	case kind == fault.NotFound:
		return "absent"
	default:
		require.NoError(t, err, what)
		return ""
	}
}
