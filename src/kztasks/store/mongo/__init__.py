"""The store on MongoDB: nothing outside this folder knows the driver."""

from kztasks.store.mongo.client import MongoStore

__all__ = ["MongoStore"]
