"""The forms that tables are sent in; one file for each, and `negotiation` chooses."""

from barledger.api.formats.contract import Format, Style, Tabular
from barledger.api.formats.negotiation import FORMATS, FormatName, choose

__all__ = ["FORMATS", "Format", "FormatName", "Style", "Tabular", "choose"]
