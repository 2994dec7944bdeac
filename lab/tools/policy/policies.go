// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"log/slog"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cmtypes "github.com/cilium/cilium/pkg/clustermesh/types"
	"github.com/cilium/cilium/pkg/k8s"
	cilium "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	networking "github.com/cilium/cilium/pkg/k8s/slim/k8s/api/networking/v1"
	"github.com/cilium/cilium/pkg/policy/api"
	"github.com/cilium/cilium/pkg/policy/types"
	"github.com/cilium/cilium/pkg/policy/utils"
)

const clusterName = "default"

// entries parses policies as the agent's watcher of the API server does.
func (q question) entries(logger *slog.Logger) (types.PolicyEntries, error) {
	var all types.PolicyEntries
	for i, object := range q.Policies {
		entries, err := parse(logger, object)
		if err != nil {
			return nil, fmt.Errorf("policies[%d]: %w", i, err)
		}
		all = append(all, entries...)
	}
	return all, nil
}

func parse(logger *slog.Logger, object json.RawMessage) (types.PolicyEntries, error) {
	var kind metav1.TypeMeta
	if err := json.Unmarshal(object, &kind); err != nil {
		return nil, err
	}
	var rules api.Rules
	var err error
	switch kind.Kind {
	case "CiliumNetworkPolicy":
		var policy cilium.CiliumNetworkPolicy
		if err = json.Unmarshal(object, &policy); err == nil {
			rules, err = policy.Parse(logger, cmtypes.PolicyAnyCluster)
		}
	case "CiliumClusterwideNetworkPolicy":
		var policy cilium.CiliumClusterwideNetworkPolicy
		if err = json.Unmarshal(object, &policy); err == nil {
			rules, err = policy.Parse(logger, cmtypes.PolicyAnyCluster)
		}
	case "NetworkPolicy":
		var policy networking.NetworkPolicy
		if err = json.Unmarshal(object, &policy); err != nil {
			return nil, err
		}
		return k8s.ParseNetworkPolicy(logger, cmtypes.PolicyAnyCluster, &policy)
	default:
		return nil, fmt.Errorf("kind %q is none of a policy", kind.Kind)
	}
	if err != nil {
		return nil, err
	}
	return utils.RulesToPolicyEntries(rules), nil
}
