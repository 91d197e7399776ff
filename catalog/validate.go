package catalog

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/policy"
)

// Validation is the result of validating an entity.
type Validation struct {
	// Errors are the reasons why the entity would not be served; none when it would be.
	Errors []*entity.Error
	// Remarks are findings that would not keep it from being served.
	Remarks []processing.Remark
}

// ValidateEntity processes an entity as if it had been read from a location, a url: reference, without
// storing anything. The entity's own location annotations are ignored.
func (s *Service) ValidateEntity(ctx context.Context, principal identity.Principal, document json.RawMessage, location string) (Validation, error) {
	if err := s.require(ctx, principal, policy.CatalogEntityValidate, ""); err != nil {
		return Validation{}, err
	}
	var e entity.Entity
	if err := json.Unmarshal(document, &e); err != nil {
		return Validation{}, fault.Wrap(fault.Input, err, "the entity is not an object: %s", err.Error())
	}
	if err := checkValidation(e, location); err != nil {
		if known, is := errors.AsType[*entity.Error](err); is {
			return Validation{Errors: []*entity.Error{known}}, nil
		}
		return Validation{}, err
	}
	spec, err := entity.ParseLocationRef(location)
	if err != nil {
		return Validation{}, err
	}
	emitted, err := processing.Emit(e, document, spec)
	if err != nil {
		return Validation{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	result := s.options.Pipeline.Process(ctx, emitted)
	return Validation{Errors: result.Errors, Remarks: result.Remarks}, nil
}

// checkValidation checks the input that processing needs. Its error is an *entity.Error.
func checkValidation(e entity.Entity, location string) error {
	if err := entity.CheckEnvelope(e); err != nil {
		return err
	}
	spec, err := entity.ParseLocationRef(location)
	if err != nil {
		return err
	}
	if spec.Type != "url" {
		return &entity.Error{Name: "TypeError",
			Message: "Invalid location ref " + location + ", only 'url:<target>' is supported, e.g. url:https://host/path"}
	}
	return nil
}
