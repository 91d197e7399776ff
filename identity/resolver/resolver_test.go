package resolver_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity/provider"
	"github.com/portico-dev/portico/identity/resolver"
)

// users is a catalog: references by one value of each user, "path=value".
type users map[string][]string

func (u users) FindUsers(_ context.Context, values map[string]string) ([]string, error) {
	for path, value := range values {
		if refs, known := u[path+"="+value]; known {
			return refs, nil
		}
	}
	return nil, nil
}

// exact is a catalog of which all values of a user are compared.
type exact map[string]map[string]string

func (e exact) FindUsers(_ context.Context, values map[string]string) ([]string, error) {
	var found []string
	for ref, user := range e {
		matches := true
		for path, value := range values {
			matches = matches && strings.EqualFold(user[path], value)
		}
		if matches {
			found = append(found, ref)
		}
	}
	return found, nil
}

var catalog = users{
	"metadata.name=ada":                                        {"user:default/ada"},
	"metadata.name=1":                                          {"user:default/one"},
	"spec.profile.email=ada@example.com":                       {"user:default/ada"},
	"spec.profile.email=shared@example.com":                    {"user:default/ada", "user:default/bob"},
	"metadata.annotations.github.com/user-id=4711":             {"user:default/octo"},
	"metadata.annotations.gitlab.example.com/user-id=4711":     {"user:default/fox"},
	"metadata.annotations.graph.microsoft.com/user-id=4711":    {"user:default/ms"},
	"metadata.annotations.bitbucket.org/user-id=4711":          {"user:default/bit"},
	"metadata.annotations.bitbucket.org/username=ada":          {"user:default/bucket"},
	"metadata.annotations.google.com/email=ada@example.com":    {"user:default/goo"},
	"metadata.annotations.okta.com/email=ada@example.com":      {"user:default/oct"},
	"metadata.annotations.microsoft.com/email=ada@example.com": {"user:default/soft"},
}

func person(email string) provider.Person {
	return provider.Person{Subject: "1", UserID: "4711", Username: "ada", Profile: provider.Profile{Email: email}}
}

func chain(t *testing.T, id string, entries ...resolver.Entry) *resolver.Chain {
	t.Helper()
	made, err := resolver.New(resolver.Options{Provider: id, Host: "gitlab.example.com", Entries: entries, Users: catalog})
	require.NoError(t, err)
	return made
}

func TestEachResolverLooksForItsValue(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ provider, resolver, expected string }{
		{"auth0", "emailMatchingUserEntityProfileEmail", "user:default/ada"},
		{"onelogin", "emailLocalPartMatchingUserEntityName", "user:default/ada"},
		{"oidc", "preferredUsernameMatchingUserEntityName", "user:default/ada"},
		{"onelogin", "usernameMatchingUserEntityName", "user:default/ada"},
		{"oauth2Proxy", "forwardedPreferredUsernameMatchingUserEntityName", "user:default/ada"},
		{"oauth2Proxy", "forwardedUserMatchingUserEntityName", "user:default/one"},
		{"gitlab", "usernameMatchingUserEntityName", "user:default/ada"},
		{"github", "userIdMatchingUserEntityAnnotation", "user:default/octo"},
		{"gitlab", "userIdMatchingUserEntityAnnotation", "user:default/fox"},
		{"bitbucket", "userIdMatchingUserEntityAnnotation", "user:default/bit"},
		{"bitbucket", "usernameMatchingUserEntityAnnotation", "user:default/bucket"},
		{"microsoft", "userIdMatchingUserEntityAnnotation", "user:default/ms"},
		{"microsoft", "emailMatchingUserEntityAnnotation", "user:default/soft"},
		{"google", "emailMatchingUserEntityAnnotation", "user:default/goo"},
		{"gcpIap", "emailMatchingUserEntityAnnotation", "user:default/goo"},
		{"okta", "emailMatchingUserEntityAnnotation", "user:default/oct"},
	} {
		found, tried, err := chain(t, test.provider, resolver.Entry{Name: test.resolver}).Resolve(t.Context(), person("ada@example.com"))
		require.NoError(t, err, "%s of %s", test.resolver, test.provider)
		require.Equal(t, resolver.Found{UserRef: test.expected, Resolver: test.resolver, InCatalog: true}, found)
		require.Empty(t, tried)
	}
}

func TestTheTagOfAnAddressIsLeftOutWhenNobodyHasIt(t *testing.T) {
	t.Parallel()
	found, _, err := chain(t, "oidc", resolver.Entry{Name: "emailMatchingUserEntityProfileEmail"}).Resolve(t.Context(), person("ada+portal@example.com"))
	require.NoError(t, err)
	require.Equal(t, "user:default/ada", found.UserRef)
}

// TestOnlyAllowedDomainsCount: otherwise, ada@elsewhere.example.org would be Ada.
func TestOnlyAllowedDomainsCount(t *testing.T) {
	t.Parallel()
	byLocalPart := chain(t, "oidc", resolver.Entry{Name: "emailLocalPartMatchingUserEntityName", AllowedDomains: []string{"Example.com"}})
	for email, allowed := range map[string]bool{"ada@example.com": true, "ada@EXAMPLE.COM": true, "ada@elsewhere.example.org": false,
		"ada@x.example.com": false, "ada@example.com@elsewhere.example.org": false, "ada": false, "": false} {
		found, tried, err := byLocalPart.Resolve(t.Context(), person(email))
		if allowed {
			require.NoError(t, err)
			require.Equal(t, "user:default/ada", found.UserRef)
			continue
		}
		require.Equal(t, fault.NotFound, fault.KindOf(err), email)
		require.NotEmpty(t, tried[0].Reason, email)
	}
}

func TestResolversAreTriedInOrder(t *testing.T) {
	t.Parallel()
	found, tried, err := chain(t, "oidc", resolver.Entry{Name: "emailMatchingUserEntityProfileEmail"}, resolver.Entry{Name: "preferredUsernameMatchingUserEntityName"}).
		Resolve(t.Context(), person("another@example.com"))
	require.NoError(t, err)
	require.Equal(t, "preferredUsernameMatchingUserEntityName", found.Resolver)
	require.Equal(t, []resolver.Attempt{{Resolver: "emailMatchingUserEntityProfileEmail", Wanted: "spec.profile.email 'another@example.com'"}}, tried)
}

func TestWhomNoResolverFindsLearnsWhatToAskFor(t *testing.T) {
	t.Parallel()
	stranger := provider.Person{Username: "eve", Profile: provider.Profile{Email: "eve@example.com"}}
	_, tried, err := chain(t, "oidc", resolver.Entry{Name: "emailMatchingUserEntityProfileEmail"}, resolver.Entry{Name: "preferredUsernameMatchingUserEntityName"}).
		Resolve(t.Context(), stranger)
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	require.EqualError(t, err, "Failed to sign-in, unable to resolve user identity. Please verify that your catalog contains the expected User entities "+
		"that would match your configured sign-in resolver. Ask whoever runs the catalog for a User entity with spec.profile.email 'eve@example.com', "+
		"or with metadata.name 'eve' and metadata.namespace 'default'.")
	require.Len(t, tried, 2)
	_, _, err = chain(t, "oidc").Resolve(t.Context(), stranger)
	require.Equal(t, fault.NotFound, fault.KindOf(err), "without resolvers nobody signs in")
}

func TestWhoIsNotInTheCatalogMayBeLetIn(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ provider, resolver, expected string }{
		{"oidc", "preferredUsernameMatchingUserEntityName", "user:default/eve"},
		{"oidc", "emailLocalPartMatchingUserEntityName", "user:default/e.v.e"},
		{"oidc", "emailMatchingUserEntityProfileEmail", "user:default/e.v.e@example.com"},
		{"microsoft", "userIdMatchingUserEntityAnnotation", "user:default/eve"},
	} {
		found, _, err := chain(t, test.provider, resolver.Entry{Name: test.resolver, WithoutUser: true}).
			Resolve(t.Context(), provider.Person{Username: "Eve", UserID: "1", Profile: provider.Profile{Email: "E.v.e@example.com"}})
		require.NoError(t, err)
		require.Equal(t, resolver.Found{UserRef: test.expected, Resolver: test.resolver}, found)
	}
}

// TestWhoIsNotInTheCatalogDoesNotGetTheNameOfAUser: whoever has the login "ada" at the provider would be the
// catalog's Ada, whom an annotation ties to another account.
func TestWhoIsNotInTheCatalogDoesNotGetTheNameOfAUser(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ provider, resolver string }{
		{"github", "userIdMatchingUserEntityAnnotation"},
		{"gitlab", "userIdMatchingUserEntityAnnotation"},
		{"microsoft", "userIdMatchingUserEntityAnnotation"},
		{"okta", "emailMatchingUserEntityAnnotation"},
	} {
		found, tried, err := chain(t, test.provider, resolver.Entry{Name: test.resolver, WithoutUser: true}).
			Resolve(t.Context(), provider.Person{Username: "ada", UserID: "666", Profile: provider.Profile{Email: "eve@example.com"}})
		require.Equal(t, fault.Conflict, fault.KindOf(err), test.provider)
		require.EqualError(t, err, "Failed to sign-in: the catalog has a User with the name 'ada', and nothing shows that it is you")
		require.Empty(t, found)
		require.Len(t, tried, 1)
	}
}

// TestLettersThatOnlyLookLikeOthersAreNobodys: the lower case of the Kelvin sign is the letter k, and the catalog
// compares in lower case.
func TestLettersThatOnlyLookLikeOthersAreNobodys(t *testing.T) {
	t.Parallel()
	kay := exact{"user:default/kay": {"metadata.name": "kay", "metadata.namespace": "default", "spec.profile.email": "kay@example.com"}}
	for _, entry := range []resolver.Entry{{Name: "emailMatchingUserEntityProfileEmail"}, {Name: "emailLocalPartMatchingUserEntityName"},
		{Name: "preferredUsernameMatchingUserEntityName"}, byExpression("profile.username"), byExpression("profile.username + '/guest'")} {
		entry.WithoutUser = true
		made, err := resolver.New(resolver.Options{Provider: "oidc", Users: kay, Entries: []resolver.Entry{entry}})
		require.NoError(t, err)
		found, tried, err := made.Resolve(t.Context(), provider.Person{Username: "\u212aay", Profile: provider.Profile{Email: "\u212aay@example.com"}})
		require.Equal(t, fault.NotFound, fault.KindOf(err), entry.Name)
		require.Empty(t, found)
		require.Contains(t, tried[0].Reason, "a letter that becomes an ASCII letter")
	}
}

func TestTwoUsersOfOnePersonAreAConflict(t *testing.T) {
	t.Parallel()
	_, _, err := chain(t, "oidc", resolver.Entry{Name: "emailMatchingUserEntityProfileEmail", WithoutUser: true}).Resolve(t.Context(), person("shared@example.com"))
	require.Equal(t, fault.Conflict, fault.KindOf(err))
	require.EqualError(t, err, "User lookup resulted in multiple matches")
}

func TestUnknownResolversAreRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ provider, resolver, message string }{
		{"oidc", "emailMatching", "signIn.resolvers[0]: the provider oidc has no resolver 'emailMatching': it has emailMatchingUserEntityProfileEmail, " +
			"emailLocalPartMatchingUserEntityName, preferredUsernameMatchingUserEntityName, expression"},
		{"okta", "usernameMatchingUserEntityName", "signIn.resolvers[0]: the provider okta has no resolver 'usernameMatchingUserEntityName': it has " +
			"emailMatchingUserEntityProfileEmail, emailLocalPartMatchingUserEntityName, emailMatchingUserEntityAnnotation, expression"},
	} {
		_, err := resolver.New(resolver.Options{Provider: test.provider, Entries: []resolver.Entry{{Name: test.resolver}}})
		require.EqualError(t, err, test.message)
	}
}
