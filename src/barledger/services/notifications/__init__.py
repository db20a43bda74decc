"""Notification: what happened reaches people, at least once and not too often."""

from barledger.services.notifications.service import NotificationService

__all__ = ["NotificationService"]
