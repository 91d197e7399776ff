package whole_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/catalog/provider/internal/whole"
)

func named(name string) provider.Entity {
	return provider.Entity{Entity: entity.Entity{"kind": "User", "metadata": map[string]any{"name": name}}}
}

// Pages and cursors are tested by package providertest, of each source that is read whole.
func TestNamesThatDifferInCaseAreOneEntity(t *testing.T) {
	t.Parallel()
	var left []string
	kept := whole.Sorted([]provider.Entity{named("b"), named("Ada"), named("ada")}, func(one, other provider.Entity) {
		left = append(left, one.Name()+" because of "+other.Name())
	})
	require.Equal(t, []provider.Entity{named("Ada"), named("b")}, kept)
	require.Equal(t, []string{"ada because of Ada"}, left)
}
