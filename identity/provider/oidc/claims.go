package oidc

import (
	"cmp"
	"encoding/json"
	"strconv"

	"github.com/portico-dev/portico/identity/provider"
)

// claims are what the issuer says about a person.
type claims map[string]any

// text is a claim that is a text or a number, "" otherwise.
func (c claims) text(name string) string {
	switch value := c[name].(type) {
	case string:
		return value
	case json.Number:
		return value.String()
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	}
	return ""
}

// unverified reports whether the issuer says that the person has not shown the address to be theirs. Some
// issuers write the boolean as text.
func (c claims) unverified() bool {
	return c["email_verified"] == false || c["email_verified"] == "false"
}

func (c claims) person(options Options) provider.Person {
	person := provider.Person{
		Subject: c.text("sub"), UserID: c.text(cmp.Or(options.UserIDClaim, "sub")), Username: c.text(cmp.Or(options.UsernameClaim, "preferred_username")),
		Profile: provider.Profile{Email: c.text("email"), DisplayName: c.text("name"), Picture: c.text("picture")},
		Claims:  c,
	}
	if c.unverified() {
		person.Profile.Email = ""
	}
	return person
}
