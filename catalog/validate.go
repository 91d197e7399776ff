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

// ValidateEntity runs an entity through processing as if it had been read from a location, a url: reference, and stores
// nothing. What the entity itself says about where it came from does not count. The list is what is wrong with it, empty when nothing is.
func (s *Service) ValidateEntity(ctx context.Context, principal identity.Principal, document json.RawMessage, location string) ([]*entity.Error, error) {
	if err := s.authorize(ctx, principal, policy.CatalogEntityValidate, ""); err != nil {
		return nil, err
	}
	var e entity.Entity
	if err := json.Unmarshal(document, &e); err != nil {
		return nil, fault.Wrap(fault.Input, err, "the entity is not an object: %s", err.Error())
	}
	if err := checkValidation(e, location); err != nil {
		if known, is := errors.AsType[*entity.Error](err); is {
			return []*entity.Error{known}, nil
		}
		return nil, err
	}
	spec, err := entity.ParseLocationRef(location)
	if err != nil {
		return nil, err
	}
	emitted, err := processing.Emit(e, document, spec)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	return s.options.Pipeline.Process(ctx, emitted).Errors, nil
}

// checkValidation checks what must be right before an entity can be processed at all. What is wrong is an *entity.Error.
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
