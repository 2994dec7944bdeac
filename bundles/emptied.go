// SPDX-License-Identifier: Apache-2.0

package bundles

// isEmptied reports whether a map somewhere in after is empty that was not in before: {a: {b: 1}} -> {a: {}}. Maps in lists
// do not count: server-side apply replaces lists as a whole.
//
// Server-side apply leaves null where an applier takes the last key of a map away, even if it asks for the empty map (seen
// with Kubernetes 1.34; the next apply of the same puts the empty map there). To Helm a null takes the chart's default
// away, which an empty map does not.
func isEmptied(before, after map[string]any) bool {
	if len(after) == 0 {
		return len(before) > 0
	}
	for key, value := range after {
		is, isMap := value.(map[string]any)
		was, wasMap := before[key].(map[string]any)
		if isMap && wasMap && isEmptied(was, is) {
			return true
		}
	}
	return false
}
