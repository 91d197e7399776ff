package system

import (
	"fmt"

	"github.com/portico-dev/portico/scaffolder/action"
)

// Reveal is the value of a secret whose name the ledger has, see action.NameOfSecret. The error, where the run does not have it any more, says
// what cannot be undone then.
func Reveal(call *action.UndoCall, name string) (string, error) {
	if value := call.Secrets[name]; value != "" {
		return value, nil
	}
	return "", action.Advise(
		action.Final(fmt.Errorf("%s %s cannot be taken back: the credentials are not among the run's secrets any more", call.Effect.Kind, call.Effect.Name)),
		"Delete it yourself if nobody needs it.")
}
