"""One object type of HubSpot: its properties, and the SQL of filters and sorts over them."""

from typing import Any

from sandbox.clock import hubspot_time, parse_instant
from sandbox.hubspot.answers import Refused
from sandbox.store import Store, field

GROUPS_MAX, FILTERS_MAX = 5, 6
DEFAULT_PROPERTIES: dict[str, tuple[str, ...]] = {
    "contacts": ("email", "firstname", "lastname"),
    "companies": ("name", "domain"),
    "deals": ("dealname", "amount", "closedate", "pipeline", "dealstage"),
    "tickets": ("subject", "content", "hs_pipeline", "hs_pipeline_stage", "hs_ticket_priority"),
}
COMPARISONS = {"EQ": "=", "NEQ": "<>", "GT": ">", "GTE": ">=", "LT": "<", "LTE": "<="}


class Shape:
    """How one object type is asked for."""

    def __init__(self, store: Store, object_type: str) -> None:
        modified = store.modified_property(object_type)
        if modified is None:
            raise Refused(f"Unable to infer object type from: {object_type}")
        self.collection = f"hubspot/{object_type}"
        self.object_type = object_type
        self.modified = modified
        self.types = store.property_types(self.collection)

    def wanted(self, asked: Any) -> list[str]:
        """Return the properties to show: those asked for that exist, and those always shown."""
        if not isinstance(asked, list):
            raise Refused("properties must be a list")
        always = ["createdate", "hs_object_id", self.modified]
        names = asked or DEFAULT_PROPERTIES.get(self.object_type, ())
        return [name for name in dict.fromkeys([*names, *always]) if name in self.types]

    def known(self, names: Any) -> list[str]:
        """Return those of some names that are properties of this type."""
        if not isinstance(names, list):
            raise Refused("propertiesWithHistory must be a list")
        return [name for name in dict.fromkeys(names) if name in self.types]

    def where(self, groups: Any, values: dict[str, Any]) -> str:
        """Return the SQL of filter groups: or between groups, and inside each."""
        if not isinstance(groups, list) or len(groups) > GROUPS_MAX:
            raise Refused(f"filterGroups must be a list of at most {GROUPS_MAX}")
        alternatives = []
        for group in groups:
            filters = group.get("filters") if isinstance(group, dict) else None
            if not isinstance(filters, list) or not 1 <= len(filters) <= FILTERS_MAX:
                raise Refused(f"each filter group needs 1 to {FILTERS_MAX} filters")
            alternatives.append(" and ".join(self._condition(each, values) for each in filters))
        return "(" + " or ".join(f"({each})" for each in alternatives) + ")" if groups else "true"

    def order(self, sorts: Any) -> str:
        """Return the SQL of the sorts; ties, and no sorts at all, go by creation and id."""
        if not isinstance(sorts, list):
            raise Refused("sorts must be a list")
        terms = []
        for sort in sorts:
            if isinstance(sort, dict):
                name, down = sort.get("propertyName"), sort.get("direction") == "DESCENDING"
            else:
                name, down = str(sort).removeprefix("-"), str(sort).startswith("-")
            terms.append(self._column(name) + (" desc" if down else ""))
        return ", ".join([*(terms or ["created_at"]), "id"])

    def _column(self, name: Any) -> str:
        if name not in self.types:
            raise Refused(f"Property {name!r} does not exist")
        columns = {self.modified: "modified_at", "createdate": "created_at", "hs_object_id": "id"}
        if name in columns:
            return columns[name]
        if self.types[name] == "number":
            return f"cast({field(name)} as real)"
        return field(name)

    def _value(self, name: str, value: Any) -> Any:
        """Return a filter value in the form that the column has."""
        if self.types[name] == "datetime":
            try:
                instant = int(value) if str(value).isdigit() else parse_instant(str(value))
            except ValueError:
                raise Refused(f"{value!r} is no date for property {name!r}") from None
            known = name in (self.modified, "createdate")
            return instant if known else hubspot_time(instant)
        if self.types[name] == "number" and name != "hs_object_id":
            try:
                return float(value)
            except (TypeError, ValueError):
                raise Refused(f"{value!r} is no number for property {name!r}") from None
        if not isinstance(value, str):
            raise Refused(f"filter values are strings: {value!r}")
        return value

    def _condition(self, condition: Any, values: dict[str, Any]) -> str:
        if not isinstance(condition, dict):
            raise Refused("a filter is an object")
        name, operator = condition.get("propertyName"), condition.get("operator")
        column = self._column(name)

        def bind(value: Any) -> str:
            key = f"filter_{len(values)}"
            values[key] = self._value(str(name), value)
            return f":{key}"

        if operator in COMPARISONS:
            if condition.get("value") is None:
                raise Refused(f"operator {operator} needs a value")
            return f"{column} {COMPARISONS[operator]} {bind(condition['value'])}"
        if operator == "BETWEEN":
            low, high = condition.get("value"), condition.get("highValue")
            if low is None or high is None:
                raise Refused("operator BETWEEN needs value and highValue")
            return f"{column} between {bind(low)} and {bind(high)}"
        if operator in ("IN", "NOT_IN"):
            chosen = condition.get("values")
            if not isinstance(chosen, list) or not chosen:
                raise Refused(f"operator {operator} needs values")
            inside = ", ".join(bind(each) for each in chosen)
            return f"{column} {operator.replace('_', ' ').lower()} ({inside})"
        if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
            return f"{column} is {'not ' if operator == 'HAS_PROPERTY' else ''}null"
        raise Refused(f"operator {operator!r} is not valid")
