package resolver

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/identity/provider"
)

// look returns the user to look for, or the reason why the resolver cannot look for this person.
type look func(person provider.Person, entry Entry, host string) (wanted, string)

// rule is one resolver, for some providers or, without any, for all.
type rule struct {
	name      string
	providers []string
	look      look
}

// rules are Backstage's resolvers. A name may mean something else at another provider.
var rules = []rule{
	{name: "emailMatchingUserEntityProfileEmail", look: byEmail},
	{name: "emailLocalPartMatchingUserEntityName", look: byLocalPart},
	{name: "preferredUsernameMatchingUserEntityName", providers: []string{"oidc"}, look: byUsername},
	{name: "usernameMatchingUserEntityName", providers: []string{"github", "gitlab", "onelogin"}, look: byUsername},
	{name: "forwardedPreferredUsernameMatchingUserEntityName", providers: []string{"oauth2Proxy"}, look: byUsername},
	{name: "forwardedUserMatchingUserEntityName", providers: []string{"oauth2Proxy"}, look: bySubject},
	{name: "userIdMatchingUserEntityAnnotation", providers: []string{"github"}, look: byUserID("github.com/user-id")},
	{name: "userIdMatchingUserEntityAnnotation", providers: []string{"gitlab"}, look: byHostUserID},
	{name: "userIdMatchingUserEntityAnnotation", providers: []string{"bitbucket"}, look: byUserID("bitbucket.org/user-id")},
	{name: "usernameMatchingUserEntityAnnotation", providers: []string{"bitbucket"}, look: byAnnotatedUsername("bitbucket.org/username")},
	{name: "userIdMatchingUserEntityAnnotation", providers: []string{"microsoft"}, look: byUserID("graph.microsoft.com/user-id")},
	{name: "emailMatchingUserEntityAnnotation", providers: []string{"microsoft"}, look: byAnnotatedEmail("microsoft.com/email")},
	{name: "emailMatchingUserEntityAnnotation", providers: []string{"gcpIap", "google"}, look: byAnnotatedEmail("google.com/email")},
	{name: "emailMatchingUserEntityAnnotation", providers: []string{"okta"}, look: byAnnotatedEmail("okta.com/email")},
}

func (r rule) isFor(id string) bool { return len(r.providers) == 0 || slices.Contains(r.providers, id) }

// find returns the resolver of a provider with this name, nil if there is none.
func find(id, name string) look {
	for _, r := range rules {
		if r.name == name && r.isFor(id) {
			return r.look
		}
	}
	return nil
}

func namesFor(id string) []string {
	var names []string
	for _, r := range rules {
		if r.isFor(id) {
			names = append(names, r.name)
		}
	}
	return append(names, byExpression)
}

// byExpression is the resolver, Portico's own, whose result an expression computes.
const byExpression = "expression"

const (
	noEmail    = "the provider gave no verified email address"
	noUsername = "the provider gave no user name"
)

// emailPath is where a User entity has its email address.
const emailPath = "spec.profile.email"

// plusTag is the tag of an address such as ada+portal@example.com.
var plusTag = regexp.MustCompile(`\+[^@]*@`)

// byEmail looks for the address, and then for the address without its tag.
func byEmail(person provider.Person, _ Entry, _ string) (wanted, string) {
	email := person.Profile.Email
	if email == "" {
		return wanted{}, noEmail
	}
	found := wanted{name: email, alternatives: []map[string]string{{emailPath: email}}}
	if plain := plusTag.ReplaceAllString(email, "@"); plain != email {
		found.alternatives = append(found.alternatives, map[string]string{emailPath: plain})
	}
	return found, ""
}

// byLocalPart looks for a user of that name. Without allowed domains, whoever has an address anywhere with
// the local part of somebody's is that person.
func byLocalPart(person provider.Person, entry Entry, _ string) (wanted, string) {
	local, domain, isAddress := strings.Cut(person.Profile.Email, "@")
	if !isAddress {
		return wanted{}, noEmail
	}
	allowed := func(allowed string) bool { return strings.EqualFold(allowed, domain) }
	if len(entry.AllowedDomains) > 0 && !slices.ContainsFunc(entry.AllowedDomains, allowed) {
		return wanted{}, "the domain of the email address is not among the allowedDomains"
	}
	return named(local), ""
}

func byUsername(person provider.Person, _ Entry, _ string) (wanted, string) {
	if person.Username == "" {
		return wanted{}, noUsername
	}
	return named(person.Username), ""
}

// bySubject looks for a user whose name is the person's subject: oauth2-proxy calls it the user.
func bySubject(person provider.Person, _ Entry, _ string) (wanted, string) {
	if person.Subject == "" {
		return wanted{}, "the provider gave no subject"
	}
	return named(person.Subject), ""
}

// byUserID looks for the person's id in an annotation.
func byUserID(annotation string) look {
	return func(person provider.Person, _ Entry, _ string) (wanted, string) {
		if person.UserID == "" {
			return wanted{}, "the provider gave no user id"
		}
		return annotated(annotation, person.UserID, person), ""
	}
}

// byHostUserID is byUserID for an annotation that begins with the provider's host.
func byHostUserID(person provider.Person, entry Entry, host string) (wanted, string) {
	return byUserID(host+"/user-id")(person, entry, host)
}

func byAnnotatedUsername(annotation string) look {
	return func(person provider.Person, _ Entry, _ string) (wanted, string) {
		if person.Username == "" {
			return wanted{}, noUsername
		}
		return annotated(annotation, person.Username, person), ""
	}
}

func byAnnotatedEmail(annotation string) look {
	return func(person provider.Person, _ Entry, _ string) (wanted, string) {
		if person.Profile.Email == "" {
			return wanted{}, noEmail
		}
		return annotated(annotation, person.Profile.Email, person), ""
	}
}

// named is the user of that name in the default namespace.
func named(name string) wanted { return namedIn(entity.DefaultNamespace, name) }

func namedIn(namespace, name string) wanted {
	namespace = cmp.Or(namespace, entity.DefaultNamespace)
	values := map[string]string{"metadata.name": name, "metadata.namespace": namespace}
	return wanted{namespace: namespace, name: name, alternatives: []map[string]string{values}}
}

func annotated(annotation, value string, person provider.Person) wanted {
	name := value
	if person.Username != "" {
		name = person.Username
	}
	return wanted{name: name, alternatives: []map[string]string{{"metadata.annotations." + annotation: value}}}
}
