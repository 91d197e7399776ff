package entity_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
)

func TestRules(t *testing.T) {
	t.Parallel()
	origin := entity.LocationSpec{Type: "url", Target: "https://github.com/Acme/shop/blob/main/.backstage/all.yaml"}
	user, service := newEntity("User", nil), newEntity("Component", map[string]any{"type": "Service"})
	users := []entity.AllowedKind{{Kind: "user"}}
	at := func(location entity.LocationMatch) entity.Rule {
		return entity.Rule{Allow: users, Locations: []entity.LocationMatch{{Type: "file"}, location}}
	}
	tests := map[string]struct {
		rules   []entity.Rule
		entity  entity.Entity
		allowed bool
	}{
		"no rule":                      {nil, user, false},
		"the defaults, a component":    {entity.DefaultRules(), service, true},
		"the defaults, a user":         {entity.DefaultRules(), user, false},
		"a kind in another case":       {[]entity.Rule{{Allow: users}}, user, true},
		"a type in another case":       {[]entity.Rule{{Allow: []entity.AllowedKind{{Kind: "Component", Type: "service"}}}}, service, true},
		"another type":                 {[]entity.Rule{{Allow: []entity.AllowedKind{{Kind: "Component", Type: "website"}}}}, service, false},
		"the second rule":              {append(entity.DefaultRules(), entity.Rule{Allow: users}), user, true},
		"nowhere":                      {[]entity.Rule{{Allow: users, Locations: []entity.LocationMatch{}}}, user, false},
		"any location of a type":       {[]entity.Rule{at(entity.LocationMatch{Type: "url"})}, user, true},
		"another type of location":     {[]entity.Rule{{Allow: users, Locations: []entity.LocationMatch{{Type: "file"}}}}, user, false},
		"exactly here":                 {[]entity.Rule{at(entity.LocationMatch{Type: "url", Exact: origin.Target})}, user, true},
		"exactly elsewhere":            {[]entity.Rule{at(entity.LocationMatch{Type: "url", Exact: "https://github.com/acme"})}, user, false},
		"a pattern":                    {[]entity.Rule{at(entity.LocationMatch{Type: "url", Pattern: "https://github.com/acme/**"})}, user, true},
		"a pattern with one star":      {[]entity.Rule{at(entity.LocationMatch{Type: "url", Pattern: "https://github.com/acme/*"})}, user, false},
		"a pattern over a hidden part": {[]entity.Rule{at(entity.LocationMatch{Type: "url", Pattern: "https://*.com/acme/*/blob/*/*/*.yaml"})}, user, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules, err := entity.NewRules(test.rules)
			require.NoError(t, err)
			require.Equal(t, test.allowed, rules.Allowed(test.entity, origin))
		})
	}
}

func TestNewRulesRefusesInvalidRules(t *testing.T) {
	t.Parallel()
	_, err := entity.NewRules([]entity.Rule{{Locations: []entity.LocationMatch{{Type: "url", Exact: "a", Pattern: "b"}}}})
	require.ErrorContains(t, err, "A catalog rule location cannot have both exact and pattern values")
	_, err = entity.NewRules([]entity.Rule{{Locations: []entity.LocationMatch{{Type: "url", Pattern: "a["}}}})
	require.ErrorContains(t, err, `"a[" is not a glob pattern`)
}
