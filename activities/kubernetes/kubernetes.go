// Package kubernetes holds the actions on objects of Kubernetes clusters: applying, deleting and waiting for them.
// Package integration/kubernetes knows the clusters.
//
// Objects are applied on the server's side, with portico as the manager of the applied fields. An object that the
// run creates, and a change that it makes to one that exists, are effects: the object carries the effect's id in an
// annotation, and the run and the step in labels. The server keeps for each field who manages it, so a rollback sees
// what others have taken over since, and leaves that.
package kubernetes

import (
	_ "embed" // for the schemas
	"time"

	clusters "github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/seal"
)

const (
	// manager is the field manager of everything that is applied.
	manager = clusters.Manager

	// runLabel and stepLabel say which run and step applied an object last, and effectAnnotation for which effect.
	runLabel         = clusters.RunLabel
	stepLabel        = clusters.StepLabel
	effectAnnotation = clusters.EffectAnnotation
)

// Options are the dependencies of the actions.
type Options struct {
	// Clusters are the clusters that are known.
	Clusters *clusters.Set
	// Keys seal what an object was before a run changed it: it may be a secret. They are needed to run an action.
	Keys *seal.Keyring
	// Poll is the time between the first looks at what is waited for; 0 is a second.
	Poll time.Duration
}

// Actions are the actions of this package.
func Actions(options Options) []action.Action {
	if options.Poll == 0 {
		options.Poll = time.Second
	}
	all := []action.Action{&deleteAction{Options: options, form: deleteKubernetes}, &deleteAction{Options: options, form: deleteKube},
		&jobWait{options}, &createNamespace{options}}
	for _, form := range applyForms {
		all = append(all, &apply{options, form})
	}
	return all
}
