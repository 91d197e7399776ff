package run

import (
	"encoding/json"
	"fmt"

	"github.com/portico-dev/portico/identity"
)

// starter is the stored form of the principal who started a run. Their token is not stored.
type starter struct {
	Kind      identity.Kind `json:"kind"`
	Subject   string        `json:"subject"`
	Ownership []string      `json:"ownership,omitempty"`
	// Restrictions are null where there are none; an empty list lets nothing pass.
	Restrictions []restriction `json:"restrictions"`
}

type restriction struct {
	Plugin      string   `json:"plugin"`
	Permissions []string `json:"permissions,omitempty"`
	Actions     []string `json:"actions,omitempty"`
}

// encodeStarter is nil for an empty principal.
func encodeStarter(p identity.Principal) ([]byte, error) {
	if p.Kind == identity.KindNone {
		return nil, nil
	}
	kept := starter{Kind: p.Kind, Subject: p.Subject, Ownership: p.Ownership}
	if p.Restrictions != nil {
		kept.Restrictions = []restriction{}
	}
	for _, r := range p.Restrictions {
		kept.Restrictions = append(kept.Restrictions, restriction(r))
	}
	encoded, err := json.Marshal(kept)
	if err != nil {
		return nil, fmt.Errorf("encode who started it: %w", err)
	}
	return encoded, nil
}

func decodeStarter(encoded []byte) (identity.Principal, error) {
	if len(encoded) == 0 {
		return identity.Principal{}, nil
	}
	var s starter
	if err := json.Unmarshal(encoded, &s); err != nil {
		return identity.Principal{}, fmt.Errorf("decode who started it: %w", err)
	}
	p := identity.Principal{Kind: s.Kind, Subject: s.Subject, Ownership: s.Ownership}
	if s.Restrictions != nil {
		p.Restrictions = []identity.Restriction{}
	}
	for _, r := range s.Restrictions {
		p.Restrictions = append(p.Restrictions, identity.Restriction(r))
	}
	return p, nil
}
