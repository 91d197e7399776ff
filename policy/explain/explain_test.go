package explain_test

import (
	"testing"

	"github.com/portico-dev/portico/internal/testkit/policytest"
	"github.com/portico-dev/portico/policy/explain"
	"github.com/portico-dev/portico/policy/rbac"
)

func TestEveryMethodAsks(t *testing.T) {
	t.Parallel()
	refuser := &policytest.Refuser{}
	question := explain.Question{User: "user:default/grace", Query: rbac.Query{Permission: "catalog.entity.read"}}
	open := []string{"Self"} // about the caller alone
	policytest.EveryMethodAsks(t, explain.New(explain.Options{Decider: refuser}), refuser, open, question)
}
