"""The subjects of pictures by name; the words that ask for each stand in asset_words.toml."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from appliance import scene_food as food
from appliance import scene_goods as goods
from appliance import scene_leisure as leisure
from appliance import scene_people as people
from appliance import scene_places as places
from appliance import scene_work as work
from appliance.drawing import Palette

Scene = Callable[[Palette, random.Random], str]

SCENES: Mapping[str, Scene] = {
    "abstract": work.abstract,
    "bag": goods.bag,
    "basketball": leisure.basketball,
    "beach": places.beach,
    "bike": leisure.bike,
    "bird": people.bird,
    "books": work.books,
    "bottle": goods.bottle,
    "bread": food.bread,
    "bulb": work.bulb,
    "burger": food.burger,
    "cake": food.cake,
    "calendar": work.calendar,
    "camera": leisure.camera,
    "car": places.road,
    "cat": people.cat,
    "chart": work.chart,
    "city": places.city,
    "coffee": food.coffee,
    "dog": people.dog,
    "drink": food.drink,
    "dumbbell": leisure.dumbbell,
    "factory": places.factory,
    "farm": places.farm,
    "film": leisure.film,
    "flight": places.flight,
    "flower": people.flower,
    "football": leisure.football,
    "forest": places.forest,
    "fruit": food.fruit,
    "game": leisure.game,
    "gift": leisure.gift,
    "guitar": leisure.guitar,
    "headphones": leisure.headphones,
    "health": people.health,
    "house": places.house,
    "interior": places.interior,
    "lab": work.lab,
    "laptop": work.laptop,
    "letter": work.letter,
    "map": places.map_scene,
    "mark": work.mark,
    "meal": food.meal,
    "meeting": people.meeting,
    "money": work.money,
    "mountain": places.mountain,
    "network": work.network,
    "office": work.office,
    "palette": work.palette_scene,
    "parcel": goods.parcel,
    "party": leisure.party,
    "phone": goods.phone,
    "pizza": food.pizza,
    "plant": people.plant,
    "portrait": people.portrait,
    "rings": leisure.rings,
    "scales": work.scales,
    "shield": work.shield,
    "shirt": goods.shirt,
    "shoe": goods.shoe,
    "sofa": goods.sofa,
    "space": places.space,
    "tasks": work.tasks,
    "team": people.team,
    "tennis": leisure.tennis,
    "tools": work.tools,
    "truck": goods.truck,
    "watch": goods.watch,
    "weather": places.weather,
    "writing": work.writing,
    "yoga": people.yoga,
}
